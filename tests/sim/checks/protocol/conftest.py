"""Tells the wire events of a call by hand; messages go through the trace's own reader."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.protocol.check import lint
from roomkit_sim.sim.trace.events import Json, TraceEvent
from roomkit_sim.sim.trace.wire_frames import HandleLabels, read_frame

STEP_S = 0.1


class Wire:
    """The connections of one call; each event is a tenth of a second after the one before."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.now_s = 0.0
        self.events: list[TraceEvent] = []
        self.labels = HandleLabels()

    def tell(self, kind: str, **data: Json) -> Wire:
        self.now_s += STEP_S
        return self.at_once(kind, **data)

    def at_once(self, kind: str, **data: Json) -> Wire:
        """The same moment as the event before."""
        self.events.append(TraceEvent(round(self.now_s * 1e9), len(self.events), "call", "wire", kind, data))
        return self

    def wait(self, seconds: float) -> Wire:
        self.now_s += seconds
        return self

    def dial(self, conn: int = 1, **asked: Json) -> Wire:
        return self.tell("dial", conn=conn, host=self.host).tell("open", conn=conn, handshake_ms=1.0, **asked)

    def sent(self, message: Any, conn: int = 1, **data: Json) -> Wire:
        return self.tell("sent", **self._data(message, conn), **data)

    def received(self, message: Any, conn: int = 1) -> Wire:
        return self.tell("received", **self._data(message, conn))

    def crosses(self, message: Any, conn: int = 1) -> Wire:
        """The client sends it in the moment in which the frame before arrived."""
        return self.at_once("sent", **self._data(message, conn))

    def audio(self, way: str, frame: str, seconds: float, payload: int, conn: int = 1, **data: Json) -> Wire:
        """A second or so of collected audio frames, of 20 ms each."""
        first_ns = round((self.now_s + STEP_S) * 1e9)
        self.wait(seconds).tell(
            way,
            conn=conn,
            frame=frame,
            frames=round(seconds * 50),
            bytes=1,
            payload=payload,
            first_t_ns=first_ns,
            **data,
        )
        return self

    def close(self, conn: int = 1, by: str = "client", code: int = 1000) -> Wire:
        return self.tell("close", conn=conn, code=code, reason="", by=by)

    def findings(self, **options: Any) -> list[Finding]:
        return list(lint(self.events, **options))

    def codes(self, **options: Any) -> list[str]:
        return [finding.code for finding in self.findings(**options)]

    def _data(self, message: Any, conn: int) -> dict[str, Json]:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        frame = read_frame(payload, self.labels)
        return {"conn": conn, "frame": frame.name, "bytes": len(payload), "json": frame.json}


SETUP: dict[str, Any] = {
    "model": "models/gemini-live",
    "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": {"voice_config": {"voice_name": "Aoede"}}},
    "systemInstruction": {"parts": [{"text": "Triage."}], "role": "user"},
    "tools": [{"functionDeclarations": [{"name": "handoff", "parameters_json_schema": {"type": "object"}}]}],
    "sessionResumption": {},
}
SESSION: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime",
    "audio": {
        "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": {"type": "server_vad"}},
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"},
    },
}


@pytest.fixture
def bare_gemini() -> Wire:
    """A connection to Gemini Live that is open, and nothing more."""
    return Wire("generativelanguage.googleapis.com").dial()


@pytest.fixture
def gemini(bare_gemini: Wire) -> Wire:
    """A connection to Gemini Live that is set up."""
    return bare_gemini.sent({"setup": SETUP}).received({"setupComplete": {}})


@pytest.fixture
def openai() -> Wire:
    """A connection to OpenAI Realtime that was greeted."""
    return Wire("api.openai.com").dial().received({"type": "session.created", "session": SESSION})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it in every run, not only with ``-rs``, when there were no recordings to lint."""
    skipped = [report for report in terminalreporter.getreports("skipped") if "NOT LINTED: " in str(report.longrepr)]
    if skipped:
        terminalreporter.section("recordings", yellow=True)
        terminalreporter.line(f"NOT LINTED: {len(skipped)} tests skipped, ../shared/protocol is not here", yellow=True)
