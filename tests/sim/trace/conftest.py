"""Traces written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord

RATE_HZ = 16_000


class Story:
    """A trace in the making. Times are milliseconds; events are named ``source.kind``."""

    def __init__(self) -> None:
        self._told: list[tuple[float, str, dict[str, Any]]] = []

    def at(self, ms: float, name: str, /, **data: Any) -> Story:
        """Something happened; ``from_`` stands for ``from``."""
        self._told.append((ms, name, {key.rstrip("_"): value for key, value in data.items()}))
        return self

    def said(self, utterance: str, start_ms: int, end_ms: int, conn: int | None = 1) -> Story:
        """The caller said something; it was heard half a second later."""
        samples = {"start_sample": start_ms * RATE_HZ // 1000, "end_sample": end_ms * RATE_HZ // 1000}
        self.at(end_ms, "caller.speech_end", utterance=utterance, **samples)
        if conn is not None:
            self.at(end_ms + 500, "server.turn_committed", conn=conn)
            self.at(end_ms + 500, "server.heard", conn=conn, utterance=utterance)
        return self

    def voice(self, start_ms: int, end_ms: int, agent: str | None = None, voice: str | None = None) -> Story:
        """Somebody was heard; told after the call, as the runner does."""
        start, samples = start_ms * RATE_HZ // 1000, (end_ms - start_ms) * RATE_HZ // 1000
        return self.at(10_000, "line.agent_voice", start_sample=start, samples=samples, agent=agent, voice=voice)

    def handoff(self, start_ms: int = 1000, *, old: int = 1, new: int = 2, **changes: str) -> Story:
        """A whole handoff from triage to the advisor, every stage at a time of its own."""
        to = changes.get("to", "agent-advisor")
        self.said("ask", start_ms - 900, start_ms, conn=old)
        self.at(start_ms + 1000, "server.tool_call", conn=old, name="handoff_conversation", args={"target": to})
        self.at(start_ms + 1010, "runtime.handoff_requested", from_="agent-triage", target=to)
        self.at(
            start_ms + 1020,
            "runtime.handoff_decided",
            accepted=True,
            reason="",
            from_="agent-triage",
            to=to,
            from_phase="triage",
            to_phase="advising",
        )
        self.at(start_ms + 1030, "runtime.state", phase="advising", agent=to, why="handoff")
        self.at(start_ms + 1200, "wire.close", conn=old, code=1000, by="client")
        self.at(start_ms + 1210, "wire.dial", conn=new)
        self.at(start_ms + 1300, "wire.open", conn=new)
        self.at(start_ms + 1490, "server.resumed", conn=new, handle="handle-1")
        self.at(start_ms + 1500, "wire.received", conn=new, frame="setupComplete")
        self.at(start_ms + 1500, "server.persona", conn=new, name="advisor", agent=to, voice="Puck")
        self.at(start_ms + 2000, "server.audio_started", conn=new, voice="Puck")
        self.voice(start_ms + 600, start_ms + 900, "agent-triage")
        return self.voice(start_ms + 2100, start_ms + 4000, to)

    def without(self, name: str, /, **data: Any) -> Story:
        """The same story in which this never happened."""
        kept = [item for item in self._told if item[1] != name or any(item[2].get(key) != data[key] for key in data)]
        assert len(kept) < len(self._told), f"the story has no {name}"
        other = Story()
        other._told = kept
        return other

    def events(self) -> tuple[TraceEvent, ...]:
        ordered = sorted(enumerate(self._told), key=lambda item: (item[1][0], item[0]))
        made = []
        for seq, (_, (ms, name, data)) in enumerate(ordered):
            src, _, kind = name.partition(".")
            made.append(TraceEvent(round(ms * 1e6), seq, "call", src, kind, data))  # type: ignore[arg-type]
        return tuple(made)

    def record(self, **changes: Any) -> CallRecord:
        settings: dict[str, Any] = {
            "call": "call",
            "slug": "call",
            "scenario": "scenario",
            "provider": "gemini-live",
            "clock": "virtual",
            "seed": 0,
            "condition": "",
            "source": "a.scenario.yaml:1",
            "rerun": "pytest a.scenario.yaml",
            "rate_hz": RATE_HZ,
            "events": self.events(),
            "agent_audio": np.zeros(12 * RATE_HZ, np.int16),
        }
        return CallRecord(**{**settings, **changes})


@pytest.fixture
def story() -> Callable[[], Story]:
    """Begins a trace."""
    return Story
