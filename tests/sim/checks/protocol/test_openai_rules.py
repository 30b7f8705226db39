"""Each rule of OpenAI Realtime: what breaks it, and what comes near and does not."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.checks.findings import Severity

CREATE = {"type": "response.create"}
CANCEL = {"type": "response.cancel"}
COMMIT = {"type": "input_audio_buffer.commit"}
APPEND = "input_audio_buffer.append"
DELTA = "response.output_audio.delta"
PCM = 48000
"""Bytes a second."""


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def detection(value: Any) -> dict[str, Any]:
    return update(audio={"input": {"turn_detection": value}})


def voice(name: str) -> dict[str, Any]:
    return update(audio={"output": {"voice": name}})


def begun(response_id: str = "r1", **more: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response_id, "conversation_id": "conv", **more}}


def done(response_id: str = "r1") -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": response_id, "status": "completed"}}


def called(call_id: str = "c1", **more: str) -> dict[str, Any]:
    named = {"call_id": call_id, "name": "handoff", "arguments": "{}", **more}
    return {"type": "response.function_call_arguments.done", **named}


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": fields}


def output(call_id: str = "c1") -> dict[str, Any]:
    return item(type="function_call_output", call_id=call_id, output="{}")


def message(role: str, kind: str) -> dict[str, Any]:
    return item(type="message", role=role, content=[{"type": kind, "text": "Hello"}])


def truncate(end_ms: int, item_id: str = "i1") -> dict[str, Any]:
    return {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}


def tool(**fields: Any) -> dict[str, Any]:
    return update(tools=[{"type": "function", "name": "handoff", "parameters": {"type": "object"}, **fields}])


def size(seconds: float, bytes_per_s: int = PCM, envelope: int = 47) -> int:
    """The JSON of so much audio in frames of 20 ms."""
    return round(seconds * (bytes_per_s * 4 / 3 + 50 * envelope))


@pytest.fixture
def spoken(openai: Any) -> Any:
    """The model has answered with two seconds of audio, as item i1."""
    openai.received(begun())
    assistant = {"id": "i1", "type": "message", "role": "assistant"}
    openai.received({"type": "response.output_item.added", "response_id": "r1", "item": assistant})
    openai.received({"type": "response.content_part.added", "item_id": "i1", "part": {"type": "audio"}})
    openai.audio("received", DELTA, 2.0, size(2.0, envelope=110))
    return openai.received(done())


def test_call_without_fault_has_no_findings(openai: Any) -> None:
    openai.sent(update(instructions="Triage", tools=[])).sent(message("user", "input_text")).sent(CREATE)
    openai.received(begun()).received(called()).sent(output()).received(done()).sent(CREATE).received(begun("r2"))
    assert openai.sent(CANCEL).received(done("r2")).close().codes() == []


def test_settings_before_the_greeting_are_legal(openai: Any) -> None:
    assert openai.dial(2).sent(voice("marin"), 2).codes() == []


# Events and settings


@pytest.mark.parametrize("frame", [{"type": "response.start"}, {"type": "transcription_session.update"}, {"x": 1}])
def test_event_that_does_not_exist_is_found(openai: Any, frame: Any) -> None:
    assert openai.sent(frame).codes() == ["WIRE050"]


def test_events_that_exist_are_not(openai: Any) -> None:
    assert openai.sent({"type": "input_audio_buffer.clear", "event_id": "mine"}).codes() == []


@pytest.mark.parametrize("frame", [
    update(id="sess_1"), update(audio={"input": {"rate": 24000}}), {"type": "response.create", "instructions": "x"},
    item(type="function_call", call_id="c1", name="handoff", arguments="{}", output="{}"),
])  # fmt: skip
def test_field_that_does_not_exist_is_found(openai: Any, frame: Any) -> None:
    assert openai.sent(frame).codes() == ["WIRE051"]


def test_free_fields_are_not_looked_into(openai: Any) -> None:
    frame = {"type": "response.create", "response": {"metadata": {"agent": "advisor"}, "conversation": "none"}}
    assert openai.sent(frame).codes() == []


def test_session_without_type_is_found(openai: Any) -> None:
    assert openai.sent({"type": "session.update", "session": {"instructions": "x"}}).codes() == ["WIRE052"]


def test_session_for_transcription_is_not(openai: Any) -> None:
    assert openai.sent({"type": "session.update", "session": {"type": "transcription"}}).codes() == []


@pytest.mark.parametrize("field", ["modalities", "input_audio_format", "turn_detection", "voice"])
def test_shape_from_before_ga_is_found(openai: Any, field: str) -> None:
    assert openai.sent(update(**{field: "x"})).codes() == ["WIRE053"]


def test_shape_of_ga_is_not(openai: Any) -> None:
    assert openai.sent(update(output_modalities=["audio"], audio={"output": {"speed": 1.0}})).codes() == []


def test_header_of_the_beta_is_found(openai: Any) -> None:
    assert openai.dial(2, beta="realtime=v1").codes() == ["WIRE054"]


def test_handshake_without_it_is_not(openai: Any) -> None:
    assert openai.dial(2).codes() == []


def test_other_voice_after_the_model_has_spoken_is_found(spoken: Any) -> None:
    assert spoken.sent(voice("marin")).codes() == ["WIRE064"]


def test_other_voice_for_one_answer_after_the_model_has_spoken_is_found(spoken: Any) -> None:
    frame = {"type": "response.create", "response": {"audio": {"output": {"voice": "marin"}}}}
    assert spoken.sent(frame).codes() == ["WIRE064"]


def test_other_voice_before_the_model_speaks_is_not(openai: Any) -> None:
    assert openai.sent(voice("marin")).codes() == []


def test_same_voice_after_the_model_has_spoken_is_not(spoken: Any) -> None:
    assert spoken.sent(voice("alloy")).codes() == []


def test_other_voice_on_another_connection_is_not(spoken: Any) -> None:
    assert spoken.dial(2).sent(voice("marin"), 2).codes() == []


def test_other_model_is_found(openai: Any) -> None:
    assert openai.sent(update(model="gpt-realtime-mini")).codes() == ["WIRE065"]


def test_model_that_was_dialled_is_not(openai: Any) -> None:
    assert openai.sent(update(model="gpt-realtime")).codes() == []


@pytest.mark.parametrize("frame", [
    tool(type=None), tool(strict=True), tool(name="hand over"), update(tools=[{"name": "a"}]),
    update(tools=[{"type": "function", "function": {"name": "a"}}]),
    update(tools=[{"type": "function", "name": "a"}, {"type": "function", "name": "a"}]),
])  # fmt: skip
def test_tools_that_the_service_does_not_take_are_found(openai: Any, frame: Any) -> None:
    assert openai.sent(frame).codes() == ["WIRE066"]


def test_flat_function_tools_and_mcp_servers_are_not(openai: Any) -> None:
    mcp = {"type": "mcp", "server_label": "s", "server_url": "https://example.org"}
    assert openai.sent(tool(description="x")).sent(update(tools=[mcp])).codes() == []


@pytest.mark.parametrize("wanted", ["pcm16", {"type": "audio/pcm", "rate": 16000}, {"type": "audio/opus"}])
def test_format_that_the_service_does_not_take_is_found(openai: Any, wanted: Any) -> None:
    assert openai.sent(update(audio={"input": {"format": wanted}})).codes() == ["WIRE067"]


@pytest.mark.parametrize("wanted", [{"type": "audio/pcm"}, {"type": "audio/pcmu"}])
def test_formats_that_the_service_takes_are_not(openai: Any, wanted: Any) -> None:
    assert openai.sent(update(audio={"input": {"format": wanted}, "output": {"format": wanted}})).codes() == []


# Answers


def test_answer_asked_for_while_one_is_under_way_is_found(openai: Any) -> None:
    assert openai.received(begun()).sent(CREATE).codes() == ["WIRE055"]


def test_answer_asked_for_twice_is_found(openai: Any) -> None:
    assert openai.sent(CREATE).sent(CREATE).codes() == ["WIRE055"]


def test_answer_asked_for_when_another_begins_is_not(openai: Any) -> None:
    assert openai.received(begun()).crosses(CREATE).codes() == []


def test_answer_asked_for_after_one_is_done_or_refused_is_not(openai: Any) -> None:
    openai.received(begun()).received(done()).sent(CREATE)
    openai.received({"type": "error", "error": {"code": "conversation_already_has_active_response"}})
    assert openai.sent(CREATE).codes() == []


def test_answer_aside_is_not(openai: Any) -> None:
    aside = {"type": "response.create", "response": {"conversation": "none"}}
    openai.received(begun()).sent(aside).received(begun("r2", conversation_id=None)).received(done())
    assert openai.sent(CREATE).codes() == []


def test_cancelling_nothing_is_a_warning(openai: Any) -> None:
    (finding,) = openai.sent(CANCEL).findings()
    assert (finding.code, finding.severity) == ("WIRE056", Severity.WARNING)


def test_cancelling_what_is_under_way_or_about_to_end_is_not(openai: Any) -> None:
    assert openai.received(begun()).sent(CANCEL).received(done()).crosses(CANCEL).codes() == []


def test_cancelling_what_was_asked_for_is_not(openai: Any) -> None:
    assert openai.sent(CREATE).sent(CANCEL).codes() == []


# Function calls


def test_output_of_a_call_of_another_connection_is_found(openai: Any) -> None:
    assert openai.received(called()).dial(2).sent(output(), 2).codes() == ["WIRE057"]


def test_output_of_a_call_that_was_put_into_the_conversation_is_not(openai: Any) -> None:
    openai.sent(item(type="function_call", call_id="c1", name="handoff", arguments="{}"))
    assert openai.sent(output()).sent(CREATE).codes() == []


def test_second_output_is_found(openai: Any) -> None:
    assert openai.received(called()).sent(output()).sent(output()).codes() == ["WIRE058"]


def test_outputs_of_two_calls_are_not(openai: Any) -> None:
    openai.received(called("c1")).received(called("c2"))
    assert openai.sent(output("c2")).sent(output("c1")).codes() == []


def test_output_of_another_call_under_the_same_id_is_not(openai: Any) -> None:
    openai.received(called(item_id="i1")).sent(output()).received(called(item_id="i2"))
    assert openai.sent(output()).sent(CREATE).codes() == []


def test_second_output_of_a_call_that_several_events_tell_of_is_found(openai: Any) -> None:
    told = {
        "type": "response.output_item.done",
        "item": {"id": "i1", **item(type="function_call", call_id="c1")["item"]},
    }
    openai.received(called(item_id="i1")).sent(output()).received(told)
    assert openai.sent(output()).codes() == ["WIRE058"]


def test_second_output_of_a_call_that_the_client_put_in_is_found_although_it_is_told_of_with_an_id(openai: Any) -> None:
    put = item(type="function_call", call_id="c1", name="handoff", arguments="{}")
    openai.sent(put).sent(output())
    openai.received({"type": "conversation.item.added", "item": {"id": "i1", **put["item"]}})
    assert openai.sent(output()).codes() == ["WIRE058"]


def test_answer_asked_for_while_a_call_has_no_output_is_a_warning(openai: Any) -> None:
    (finding,) = openai.received(called()).sent(CREATE).sent(output()).findings()
    assert (finding.code, finding.severity) == ("WIRE059", Severity.WARNING)


def test_answer_asked_for_after_the_output_is_not(openai: Any) -> None:
    assert openai.received(called()).sent(output()).sent(CREATE).codes() == []


def test_call_that_is_never_answered_is_a_warning(openai: Any) -> None:
    (finding,) = openai.received(called()).wait(11).close().findings()
    assert (finding.code, finding.severity) == ("WIRE073", Severity.WARNING)


def test_call_that_the_connection_did_not_outlive_for_long_is_not(openai: Any) -> None:
    assert openai.received(called()).wait(3).close().codes() == []


# Truncation


def test_truncation_of_an_item_that_is_not_there_is_found(spoken: Any) -> None:
    assert spoken.sent(truncate(100, "i2")).codes() == ["WIRE060"]


def test_truncation_of_an_item_of_another_connection_is_found(spoken: Any) -> None:
    frame = truncate(100)
    assert spoken.dial(2).sent(frame, 2).codes() == ["WIRE060"]


def test_truncation_of_what_was_heard_is_not(spoken: Any) -> None:
    assert spoken.sent(truncate(1999)).codes() == []


@pytest.mark.parametrize("fields", [
    {"type": "message", "role": "user"}, {"type": "function_call", "call_id": "c1"},
    {"type": "message", "role": "assistant"},
])  # fmt: skip
def test_truncation_of_what_was_not_spoken_by_the_model_is_found(openai: Any, fields: Any) -> None:
    openai.received({"type": "conversation.item.added", "item": {"id": "i1", **fields}})
    assert openai.sent(truncate(0)).codes() == ["WIRE061"]


def test_truncation_of_a_spoken_answer_at_its_beginning_is_not(spoken: Any) -> None:
    assert spoken.sent(truncate(0)).codes() == []


def test_truncation_beyond_what_was_received_is_found(spoken: Any) -> None:
    assert spoken.sent(truncate(2100)).codes() == ["WIRE062"]


def test_truncation_beyond_an_earlier_one_is_found(spoken: Any) -> None:
    assert spoken.sent(truncate(500)).sent(truncate(900)).codes() == ["WIRE062"]


def test_length_of_an_answer_goes_by_its_format(openai: Any) -> None:
    g711 = {"format": {"type": "audio/pcmu"}}
    openai.sent(update(audio={"output": g711}))
    openai.received({"type": "response.content_part.added", "item_id": "i1", "part": {"type": "audio"}})
    openai.audio("received", DELTA, 2.0, size(2.0, 8000, envelope=110))
    assert openai.sent(truncate(1999)).codes() == []


def test_second_truncation_is_a_warning(spoken: Any) -> None:
    (finding,) = spoken.sent(truncate(900)).sent(truncate(900)).findings()
    assert (finding.code, finding.severity) == ("WIRE063", Severity.WARNING)


def test_truncations_of_two_answers_are_not(spoken: Any) -> None:
    spoken.received({"type": "response.content_part.added", "item_id": "i2", "part": {"type": "audio"}})
    spoken.audio("received", DELTA, 1.0, size(1.0, envelope=110))
    assert spoken.sent(truncate(900)).sent(truncate(900, "i2")).codes() == []


# The caller's audio


def test_audio_at_the_pace_of_another_rate_is_found(openai: Any) -> None:
    for _ in range(4):
        openai.audio("sent", APPEND, 1.0, size(1.0, 32000))
    (finding,) = openai.findings()
    assert finding.code == "WIRE068"
    assert "32000 bytes a second, and the session's format has 48000" in finding.message


def test_audio_at_the_pace_of_the_session_is_not(openai: Any) -> None:
    for _ in range(4):
        openai.audio("sent", APPEND, 1.0, size(1.0))
    assert openai.codes() == []


def test_audio_that_is_made_up_for_in_a_burst_is_not(openai: Any) -> None:
    for bytes_per_s in (48000, 96000, 32000, 32000, 48000):
        openai.audio("sent", APPEND, 1.0, size(1.0, bytes_per_s))
    assert openai.codes() == []


def test_commit_while_the_server_finds_the_turns_is_a_warning(openai: Any) -> None:
    openai.audio("sent", APPEND, 0.5, size(0.5))
    (finding,) = openai.sent(COMMIT).findings()
    assert (finding.code, finding.severity) == ("WIRE069", Severity.WARNING)


def test_commit_of_a_client_that_finds_the_turns_is_not(openai: Any) -> None:
    openai.sent(detection(None)).audio("sent", APPEND, 0.5, size(0.5))
    assert openai.sent(COMMIT).codes() == []


def test_commit_of_nothing_is_found(openai: Any) -> None:
    openai.sent(detection(None)).audio("sent", APPEND, 0.5, size(0.5))
    assert openai.sent(COMMIT).sent(COMMIT).codes() == ["WIRE070"]


def test_commit_of_a_tenth_of_a_second_is_not(openai: Any) -> None:
    openai.sent(detection(None)).audio("sent", APPEND, 0.1, size(0.1))
    assert openai.sent(COMMIT).codes() == []


def test_audio_that_is_never_committed_is_a_warning(openai: Any) -> None:
    openai.sent(detection(None))
    for _ in range(6):
        openai.audio("sent", APPEND, 1.0, size(1.0))
    (finding,) = openai.close().findings()
    assert (finding.code, finding.severity) == ("WIRE071", Severity.WARNING)


def test_audio_that_the_server_commits_is_not(openai: Any) -> None:
    for _ in range(6):
        openai.audio("sent", APPEND, 1.0, size(1.0))
    assert openai.close().codes() == []


# Items


@pytest.mark.parametrize(("role", "kind"), [
    ("user", "output_text"), ("assistant", "input_text"), ("assistant", "text"), ("system", "text"), ("model", "text"),
])  # fmt: skip
def test_content_that_does_not_fit_its_role_is_found(openai: Any, role: str, kind: str) -> None:
    assert openai.sent(message(role, kind)).codes() == ["WIRE072"]


@pytest.mark.parametrize(("role", "kind"), [
    ("user", "input_text"), ("user", "input_audio"), ("assistant", "output_text"), ("system", "input_text"),
])  # fmt: skip
def test_content_that_fits_its_role_is_not(openai: Any, role: str, kind: str) -> None:
    assert openai.sent(message(role, kind)).codes() == []


# What the service answers


def test_refused_change_is_not_believed(openai: Any) -> None:
    openai.sent(detection(None))
    openai.received({"type": "error", "error": {"code": "x", "param": "session.audio.input.turn_detection"}})
    assert openai.audio("sent", APPEND, 0.5, size(0.5)).sent(COMMIT).codes() == ["WIRE069"]


def test_change_that_is_still_on_its_way_is_not_taken_back_by_the_answer_to_an_earlier_one(openai: Any) -> None:
    echo = {"type": "session.updated", "session": {"type": "realtime", "audio": {"input": {"turn_detection": {}}}}}
    openai.sent(update(instructions="x")).sent(detection(None)).received(echo)
    assert openai.audio("sent", APPEND, 0.5, size(0.5)).sent(COMMIT).codes() == []
