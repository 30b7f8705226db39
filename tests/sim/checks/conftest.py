"""Builds the trace of a call by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.run import run_checks
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.scenario.expect import Expectation
from roomkit_sim.sim.trace.events import Json, Source, TraceEvent
from roomkit_sim.sim.trace.record import CallRecord

RATE = 16000
LINES = {"route": "s.yaml:10", "phases": "s.yaml:11", "handoffs": "s.yaml:12", "heard": "s.yaml:20"}


class Story:
    """A call told event by event, in seconds."""

    def __init__(self) -> None:
        self.told: list[tuple[float, Source, str, dict[str, Json]]] = []
        self.plan: dict[str, Json] = {}
        self.length_s = 20.0

    def tell(self, at_s: float, name: str, /, **data: Json) -> Story:
        src, kind = name.split(".")
        self.told.append((at_s, src, kind, data))  # type: ignore[arg-type]
        return self

    def session(self, at_s: float, conn: int, agent: str, *, until_s: float | None = None) -> Story:
        """A connection that is set up at once."""
        self.tell(at_s, "wire.dial", conn=conn, host="h").tell(at_s, "wire.open", conn=conn, handshake_ms=1.0)
        self.tell(at_s, "wire.sent", conn=conn, frame="setup", bytes=1, json={"setup": {"model": "models/story"}})
        self.tell(at_s, "wire.received", conn=conn, frame="setupComplete", bytes=1)
        self.tell(at_s, "server.persona", conn=conn, name=agent.removeprefix("agent-"), agent=agent, voice=agent)
        if until_s is not None:
            self.tell(until_s, "wire.close", conn=conn, code=1000, reason="", by="client")
        return self

    def state(self, at_s: float, agent: str, phase: str, count: int = 0, why: str = "handoff") -> Story:
        return self.tell(at_s, "runtime.state", agent=agent, phase=phase, handoff_count=count, why=why)

    def voice(self, at_s: float, agent: str | None, length_s: float = 1.0, mixed: list[str] | None = None) -> Story:
        return self.tell(
            at_s,
            "line.agent_voice",
            voice=agent,
            persona=agent,
            agent=agent,
            start_sample=int(at_s * RATE),
            samples=int(length_s * RATE),
            mixed=[*(mixed or [])],
        )

    def handoff(self, at_s: float, source: str, target: str, *, conn: int = 1, accepted: bool = True) -> Story:
        """The call on the wire and its decision; what follows is told apart."""
        self.tell(at_s, "server.tool_call", conn=conn, id="c", name="handoff_conversation", args={"target": target})
        self.tell(at_s + 0.05, "runtime.handoff_requested", **{"from": source, "target": target})
        decided: dict[str, Any] = {"from": source, "to": target, "accepted": accepted, "reason": "because"}
        return self.tell(at_s + 0.05, "runtime.handoff_decided", **decided)

    def arrived(self, *parts: tuple[float, float], conn: int = 1) -> Story:
        """Which parts of the caller's track reached the provider."""
        for start_s, end_s in parts:
            start, samples = int(start_s * RATE), int((end_s - start_s) * RATE)
            self.tell(
                start_s, "server.audio_received", conn=conn, received_start=0, reference_start=start, samples=samples
            )
        return self

    def record(self) -> CallRecord:
        ordered = sorted(self.told, key=lambda item: item[0])
        events = tuple(
            TraceEvent(round(at_s * 1e9), seq, "call", src, kind, data)
            for seq, (at_s, src, kind, data) in enumerate(ordered)
        )
        silence = np.zeros(int(self.length_s * RATE), dtype=np.int16)
        return CallRecord(
            call="call",
            slug="call",
            scenario="story",
            provider="gemini-live",
            clock="virtual",
            seed=0,
            condition="",
            source="s.yaml:1",
            rerun="pytest s.yaml",
            rate_hz=RATE,
            events=events,
            caller_audio=silence,
            agent_audio=silence,
            plan=self.plan,
        )

    def findings(self, **expect: Any) -> list[Finding]:
        expectation = Expectation.model_validate(expect)
        return list(run_checks(Subject(self.record(), expectation, _locate)))

    def codes(self, **expect: Any) -> list[str]:
        return [finding.code for finding in self.findings(**expect)]


def _locate(*part: str | int) -> str:
    return LINES.get(str(part[1]), "s.yaml:1") if part[0] == "expect" else f"s.yaml:{30 + int(part[-1])}"


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def good_call(story: Story) -> Story:
    """A to B, with nothing wrong."""
    story.state(0, "agent-a", "first", why="seeded").tell(0, "line.connected", rate_hz=RATE, start_sample=0)
    story.session(0.1, 1, "agent-a", until_s=5.3).tell(4, "server.speech_started", conn=1)
    story.tell(5, "caller.speech_end", utterance="ask", start_sample=4 * RATE, end_sample=5 * RATE)
    story.tell(5, "server.turn_committed", conn=1).tell(5, "server.heard", conn=1, utterance="ask", score=0.9)
    story.voice(1, "agent-a", 2).handoff(5.1, "agent-a", "agent-b").state(5.2, "agent-b", "second", 1)
    story.tell(5.2, "runtime.reconfigure", step="started", agent="agent-b").session(5.8, 2, "agent-b")
    story.tell(5.8, "runtime.reconfigure", step="completed", agent="agent-b")
    story.tell(5.8, "server.resumed", conn=2, handle="h").tell(6.4, "server.audio_started", conn=2, voice="agent-b")
    story.voice(6.5, "agent-b", 2).tell(18, "caller.hang_up", at_sample=18 * RATE).arrived((0, 18))
    story.plan["allowed_transitions"] = {"first": ["second"], "second": []}
    return story


HANDOFF = {"from": "agent-a", "to": "agent-b"}


@pytest.fixture
def good_expectation() -> dict[str, Any]:
    return {
        "route": ["agent-a", "agent-b"],
        "phases": ["first", "second"],
        "heard": ["ask"],
        "handoffs": [{**HANDOFF, "budget": {"ear_ms": 2000}}],
    }
