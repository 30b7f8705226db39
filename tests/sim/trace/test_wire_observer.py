"""What the wire tells of a provider that is not ours."""

from __future__ import annotations

from typing import Any

from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.wire_observer import WireObserver


class Wire:
    """A connection whose frames are fed to an observer."""

    def __init__(self, conn: int = 1) -> None:
        self.conn = conn
        self.told: list[tuple[str, dict[str, Any]]] = []
        self._observer = WireObserver(lambda words: ("triage", "agent-triage") if "Triage" in words else ("?", None))

    def sent(self, **message: Any) -> Wire:
        return self._feed("sent", message)

    def received(self, **message: Any) -> Wire:
        return self._feed("received", message)

    def _feed(self, kind: str, message: dict[str, Any]) -> Wire:
        event = TraceEvent(0, 0, "c", "wire", kind, {"conn": self.conn, "json": message})
        for seen in self._observer.feed(event):
            assert (seen.data["conn"], seen.data["by"]) == (self.conn, "wire")
            self.told.append((seen.kind, {k: v for k, v in seen.data.items() if k not in ("conn", "by")}))
        return self


def gemini_setup(words: str, voice: str, **more: Any) -> dict[str, Any]:
    speech = {"voice_config": {"prebuilt_voice_config": {"voice_name": voice}}}
    return {
        "generationConfig": {"speechConfig": speech},
        "systemInstruction": {"parts": [{"text": words}], "role": "user"},
        **more,
    }


def openai_session(words: str, voice: str) -> dict[str, Any]:
    return {"instructions": words, "audio": {"output": {"voice": voice}}}


PERSONA = ("persona", {"name": "triage", "agent": "agent-triage", "voice": "Aoede"})


def test_geminis_session_is_configured_when_the_setup_is_acknowledged() -> None:
    wire = Wire().sent(setup=gemini_setup("Role: Triage", "Aoede"))
    assert wire.told == []
    assert wire.received(setupComplete={}).told == [PERSONA]


def test_a_handle_that_is_acknowledged_is_a_conversation_resumed() -> None:
    wire = Wire().sent(setup=gemini_setup("Role: Triage", "Aoede", sessionResumption={"handle": "handle-1"}))
    assert wire.received(setupComplete={}).told == [("resumed", {"handle": "handle-1"}), PERSONA]


def test_instructions_that_no_persona_has_are_shown() -> None:
    wire = Wire().sent(setup=gemini_setup("Be nice", "Aoede")).received(setupComplete={})
    assert wire.told == [("persona", {"name": "?", "agent": None, "voice": "Aoede", "instructions": "Be nice"})]


def test_geminis_tool_calls_and_their_results() -> None:
    call = {"id": "f1", "name": "look_up", "args": {"snake_case": 1}}
    answer = {"id": "f1", "name": "look_up", "response": {"snake_case": 2}}
    wire = Wire().received(toolCall={"functionCalls": [call]}).sent(tool_response={"functionResponses": [answer]})
    assert wire.told == [
        ("tool_call", call),
        ("tool_result", {"id": "f1", "name": "look_up", "result": {"snake_case": 2}}),
    ]


def test_an_interrupted_answer_of_gemini() -> None:
    wire = Wire().received(serverContent={"interrupted": True}).received(serverContent={"turnComplete": True})
    assert wire.told == [("interrupted", {"calls": []})]


def test_openais_session_is_configured_when_it_says_that_it_is_updated() -> None:
    wire = Wire().sent(type="session.update", session=openai_session("Role: Triage", "Aoede"))
    assert wire.told == []
    wire.received(type="session.updated", session=openai_session("Role: Triage", "Aoede"))
    wire.received(type="session.updated", session=openai_session("Role: Triage", "Aoede"))
    assert wire.told == [PERSONA]


def test_openais_tool_calls_and_their_results() -> None:
    item = {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": '{ "a": 1 } '}
    output = {"type": "function_call_output", "call_id": "call_1", "output": '{"b": 2}'}
    wire = Wire().received(type="response.output_item.done", item=item)
    assert wire.sent(type="conversation.item.create", item=output).told == [
        ("tool_call", {"id": "call_1", "name": "look_up", "args": {"a": 1}}),
        ("tool_result", {"id": "call_1", "name": "look_up", "result": {"b": 2}}),
    ]


def test_turns_and_interruptions_of_openai() -> None:
    wire = Wire().received(type="input_audio_buffer.speech_started").received(type="input_audio_buffer.committed")
    wire.received(type="response.done", response={"status": "cancelled"})
    wire.received(type="response.done", response={"status": "completed"})
    assert [kind for kind, _ in wire.told] == ["speech_started", "turn_committed", "interrupted"]


def test_nothing_is_told_by_what_has_no_message() -> None:
    observer = WireObserver(lambda words: ("x", None))
    for data in (
        {"conn": 1, "frame": "realtime_input.audio"},
        {"json": {"setupComplete": {}}},
        {"conn": 1, "json": []},
    ):
        assert [*observer.feed(TraceEvent(0, 0, "c", "wire", "received", data))] == []
