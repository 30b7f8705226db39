"""Each rule of Gemini Live: what breaks it, and what comes near and does not."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.checks.findings import Severity

SETUP: dict[str, Any] = {"model": "models/gemini-live", "sessionResumption": {}}
CONFIGURED = {"setup": SETUP}
READY: dict[str, Any] = {"setupComplete": {}}
AUDIO = {"realtime_input": {"audio": {"data": "AAAA", "mime_type": "audio/pcm;rate=16000"}}}
CANCELLED = {"toolCallCancellation": {"ids": ["c1"]}}


def text(*parts: str, role: str = "user") -> dict[str, Any]:
    turn = {"parts": [{"text": part} for part in parts], "role": role}
    return {"client_content": {"turns": [turn], "turnComplete": True}}


def called(call_id: str = "c1", name: str = "handoff") -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": {}}]}}


def result(call_id: str = "c1", name: str = "handoff", **more: Any) -> dict[str, Any]:
    return {"tool_response": {"functionResponses": [{"id": call_id, "name": name, "response": {}, **more}]}}


def handle(name: str | None) -> dict[str, Any]:
    return {"sessionResumptionUpdate": {"newHandle": name, "resumable": True} if name else {"resumable": False}}


def resume(name: str, model: str = "models/gemini-live") -> dict[str, Any]:
    return {"setup": {"model": model, "sessionResumption": {"handle": name}}}


def setup_with(**fields: Any) -> dict[str, Any]:
    return {"setup": {**SETUP, **fields}}


def tools(*functions: dict[str, Any]) -> dict[str, Any]:
    return setup_with(tools=[{"functionDeclarations": list(functions)}])


def test_call_without_fault_has_no_findings(gemini: Any) -> None:
    gemini.sent(AUDIO).sent(text("Hello")).received(called()).sent(result()).received(handle("h1"))
    gemini.close().dial(2).sent(resume("h1"), 2).received(READY, 2).sent(text("Go on"), 2)
    assert gemini.codes() == []


# Order


def test_text_before_setup_is_found(bare_gemini: Any) -> None:
    assert bare_gemini.sent(text("Hello")).codes() == ["WIRE010"]


def test_setup_as_the_first_frame_is_not(bare_gemini: Any) -> None:
    assert bare_gemini.sent(CONFIGURED).codes() == []


@pytest.mark.parametrize("frame", [AUDIO, text("Hello")])
def test_anything_before_setup_is_complete_is_found(bare_gemini: Any, frame: Any) -> None:
    assert bare_gemini.sent(CONFIGURED).sent(frame).received(READY).codes() == ["WIRE011"]


def test_collected_audio_counts_from_its_first_frame(bare_gemini: Any) -> None:
    bare_gemini.sent(CONFIGURED)
    early = round(bare_gemini.now_s * 1e9)
    bare_gemini.received(READY).tell(
        "sent", conn=1, frame="realtime_input.audio", frames=9, bytes=9, first_t_ns=early, mime="audio/pcm;rate=16000"
    )
    assert bare_gemini.codes() == ["WIRE011"]


def test_audio_that_begins_when_setup_is_complete_is_not_found(gemini: Any) -> None:
    gemini.audio("sent", "realtime_input.audio", 1.0, 50000, mime="audio/pcm;rate=16000")
    assert gemini.codes() == []


def test_second_setup_is_found(gemini: Any) -> None:
    assert gemini.sent(CONFIGURED).codes() == ["WIRE012"]


def test_setup_on_another_connection_is_not_a_second_one(gemini: Any) -> None:
    assert gemini.dial(2).sent(CONFIGURED, 2).codes() == []


@pytest.mark.parametrize("frame", [{**text("Hello"), **result()}, {"clientcontent": {}}, {}])
def test_frame_with_several_or_unknown_messages_is_found(gemini: Any, frame: Any) -> None:
    assert "WIRE013" in gemini.received(called()).sent(frame).codes()


@pytest.mark.parametrize("frame", [{"clientContent": {"turnComplete": True}}, {"contextUpdate": {}}])
def test_messages_of_either_spelling_are_known(gemini: Any, frame: Any) -> None:
    assert gemini.sent(frame).codes() == []


def test_frame_after_the_time_of_go_away_is_found(gemini: Any) -> None:
    (finding,) = gemini.received({"goAway": {"timeLeft": "2s"}}).wait(3).sent(AUDIO).sent(AUDIO).findings()
    assert finding.code == "WIRE031"
    assert finding.evidence["also"] == [3]


def test_frame_before_the_time_of_go_away_is_up_is_not_found(gemini: Any) -> None:
    assert gemini.received({"goAway": {"timeLeft": "2.5s"}}).wait(2).sent(AUDIO).codes() == []


# Resumption


def test_other_model_on_resume_is_found(gemini: Any) -> None:
    gemini.received(handle("h1")).close().dial(2)
    assert gemini.sent(resume("h1", "models/other"), 2).codes() == ["WIRE016"]


def test_other_model_in_a_new_conversation_is_not(gemini: Any) -> None:
    gemini.received(handle("h1")).close().dial(2)
    assert gemini.sent({"setup": {"model": "models/other"}}, 2).codes() == []


def test_model_is_compared_over_more_than_one_resumption(gemini: Any) -> None:
    gemini.received(handle("h1")).close().dial(2).sent(resume("h1"), 2).received(READY, 2)
    gemini.received(handle("h2"), 2).close(2).dial(3)
    assert gemini.sent(resume("h2", "models/other"), 3).codes() == ["WIRE016"]


def test_handle_that_was_never_issued_is_found(bare_gemini: Any) -> None:
    assert bare_gemini.sent(resume("from-elsewhere")).codes() == ["WIRE017"]


def test_handle_that_was_issued_is_not(gemini: Any) -> None:
    assert gemini.received(handle("h1")).close().dial(2).sent(resume("h1"), 2).codes() == []


def test_older_handle_is_a_warning(gemini: Any) -> None:
    gemini.received(handle("h1")).received(handle("h2")).close().dial(2).sent(resume("h1"), 2)
    (finding,) = gemini.findings()
    assert (finding.code, finding.severity) == ("WIRE018", Severity.WARNING)
    assert not finding.fails


def test_handle_that_comes_while_the_connection_is_dialled_makes_no_other_old(gemini: Any) -> None:
    gemini.received(handle("h1")).dial(2).received(handle("h2"), 1).sent(resume("h1"), 2)
    assert gemini.codes() == []


def test_leaving_while_the_session_is_not_resumable_is_a_warning(gemini: Any) -> None:
    gemini.received(handle("h1")).received(handle(None)).close().dial(2).sent(resume("h1"), 2)
    (finding,) = gemini.findings()
    assert (finding.code, finding.severity) == ("WIRE019", Severity.WARNING)


def test_leaving_as_soon_as_the_session_is_resumable_again_is_not(gemini: Any) -> None:
    gemini.received(handle("h1")).received(handle(None)).received(handle("h2")).close().dial(2).sent(resume("h2"), 2)
    assert gemini.codes() == gemini.codes(reaction_ns=250_000_000) == []


@pytest.mark.parametrize("closing", [{"by": "server", "code": 1011}, {"by": "client", "code": 1006}])
def test_client_whose_connection_was_lost_had_no_choice(gemini: Any, closing: Any) -> None:
    gemini.received(handle("h1")).received(handle(None)).close(**closing).dial(2).sent(resume("h1"), 2)
    assert gemini.codes() == []


def test_client_that_was_told_to_go_had_no_choice(gemini: Any) -> None:
    gemini.received(handle("h1")).received(handle(None)).received({"goAway": {"timeLeft": "5s"}}).close()
    assert gemini.dial(2).sent(resume("h1"), 2).codes() == []


# Function calls


def test_result_of_a_call_of_another_connection_is_found(gemini: Any) -> None:
    gemini.received(called()).close().dial(2).sent(CONFIGURED, 2).received(READY, 2)
    (finding,) = gemini.sent(result(), 2).findings()
    assert finding.code == "WIRE020"
    assert "connection 2, frame 2 (tool_response)" in finding.message


def test_result_of_a_call_of_this_connection_is_not(gemini: Any) -> None:
    assert gemini.received(called()).sent(result()).codes() == []


def test_result_after_the_cancellation_is_found(gemini: Any) -> None:
    assert gemini.received(called()).received(CANCELLED).sent(result()).codes() == ["WIRE021"]


def test_result_that_crosses_the_cancellation_is_not(gemini: Any) -> None:
    assert gemini.received(called()).received(CANCELLED).crosses(result()).codes() == []


def test_client_in_real_time_is_given_time_to_read_the_cancellation(gemini: Any) -> None:
    gemini.received(called()).received(CANCELLED).sent(result())
    assert gemini.codes(reaction_ns=200_000_000) == []


@pytest.mark.parametrize("again", [[result(), result()], [{"tool_response": {"functionResponses": [
    result()["tool_response"]["functionResponses"][0]] * 2}}]])  # fmt: skip
def test_second_result_is_found(gemini: Any, again: list[Any]) -> None:
    gemini.received(called())
    for frame in again:
        gemini.sent(frame)
    assert gemini.codes() == ["WIRE022"]


def test_results_of_two_calls_with_one_id_are_not(gemini: Any) -> None:
    assert gemini.received(called()).received(called()).sent(result()).sent(result()).codes() == []


def test_call_that_does_not_block_may_be_answered_in_pieces(bare_gemini: Any) -> None:
    bare_gemini.sent(tools({"name": "handoff", "behavior": "NON_BLOCKING"})).received(READY).received(called())
    assert bare_gemini.sent(result(willContinue=True)).sent(result()).codes() == []


def test_result_under_another_name_is_found(gemini: Any) -> None:
    assert gemini.received(called()).sent(result(name="lookup")).codes() == ["WIRE023"]


def test_result_under_the_name_of_the_call_is_not(gemini: Any) -> None:
    gemini.received(called("c1", "handoff")).received(called("c2", "lookup"))
    assert gemini.sent(result("c2", "lookup")).sent(result("c1", "handoff")).codes() == []


def test_text_while_a_call_is_open_is_found(gemini: Any) -> None:
    assert gemini.received(called()).sent(text("By the way")).sent(result()).codes() == ["WIRE024"]


def test_text_that_crosses_the_call_is_not(gemini: Any) -> None:
    assert gemini.received(called()).crosses(text("By the way")).sent(result()).codes() == []


def test_text_after_the_result_or_the_cancellation_is_not(gemini: Any) -> None:
    gemini.received(called()).sent(result()).sent(text("By the way"))
    assert (
        gemini.received(called("c2")).received({"toolCallCancellation": {"ids": ["c2"]}}).sent(text("So")).codes() == []
    )


def test_text_while_a_call_that_does_not_block_is_open_is_not(bare_gemini: Any) -> None:
    bare_gemini.sent(tools({"name": "handoff", "behavior": "NON_BLOCKING"})).received(READY).received(called())
    assert bare_gemini.sent(text("By the way")).sent(result()).codes() == []


def test_call_that_is_never_answered_is_a_warning(gemini: Any) -> None:
    (finding,) = gemini.received(called()).wait(11).close().findings()
    assert (finding.code, finding.severity) == ("WIRE032", Severity.WARNING)
    assert finding.at_ns == gemini.events[-2].t_ns


def test_call_that_the_connection_did_not_outlive_for_long_is_not(gemini: Any) -> None:
    assert gemini.received(called()).wait(3).close().codes() == []


# Contents


@pytest.mark.parametrize("frame", [{"client_content": {"turn": []}}, {"tool_response": {"results": []}}])
def test_field_that_a_message_does_not_have_is_found(gemini: Any, frame: Any) -> None:
    assert gemini.sent(frame).codes() == ["WIRE014"]


def test_field_that_setup_does_not_have_is_found(bare_gemini: Any) -> None:
    assert bare_gemini.sent(setup_with(voice="Aoede")).codes() == ["WIRE014"]


def test_fields_of_either_spelling_are_known(bare_gemini: Any) -> None:
    assert bare_gemini.sent(setup_with(input_audio_transcription={}, outputAudioTranscription={})).codes() == []


@pytest.mark.parametrize("model", [None, "gemini-live", "models/"])
def test_setup_without_usable_model_is_found(bare_gemini: Any, model: Any) -> None:
    assert bare_gemini.sent(setup_with(model=model)).codes() == ["WIRE015"]


@pytest.mark.parametrize("model", ["models/gemini-live", "projects/p/locations/l/publishers/google/models/m"])
def test_full_names_of_models_are_not(bare_gemini: Any, model: str) -> None:
    assert bare_gemini.sent(setup_with(model=model)).codes() == []


@pytest.mark.parametrize("mark", [{"activityStart": {}}, {"activity_end": {}}])
def test_activity_marks_with_automatic_detection_are_found(gemini: Any, mark: Any) -> None:
    assert gemini.sent({"realtime_input": mark}).codes() == ["WIRE025"]


def test_end_of_the_stream_with_automatic_detection_is_not(gemini: Any) -> None:
    assert gemini.sent({"realtime_input": {"audioStreamEnd": True}}).codes() == []


def test_activity_marks_of_a_client_that_finds_the_turns_are_not(bare_gemini: Any) -> None:
    manual = {"automatic_activity_detection": {"disabled": True}}
    bare_gemini.sent(setup_with(realtimeInputConfig=manual)).received(READY)
    assert bare_gemini.sent({"realtime_input": {"activityStart": {}}}).codes() == []
    assert bare_gemini.sent({"realtime_input": {"audioStreamEnd": True}}).codes() == ["WIRE025"]


@pytest.mark.parametrize("body", [{**AUDIO["realtime_input"], "text": "Hello"}, {}])
def test_several_inputs_in_one_frame_or_none_are_found(gemini: Any, body: Any) -> None:
    assert gemini.sent({"realtime_input": body}).codes() == ["WIRE026"]


@pytest.mark.parametrize("body", [{"text": "Hello"}, AUDIO["realtime_input"]])
def test_one_input_in_a_frame_is_not(gemini: Any, body: Any) -> None:
    assert gemini.sent({"realtime_input": body}).codes() == []


@pytest.mark.parametrize("mime", ["audio/pcm", "audio/pcm;rate=8000", "audio/wav"])
def test_audio_of_another_format_is_found(gemini: Any, mime: str) -> None:
    gemini.audio("sent", "realtime_input.audio", 1.0, 50000, mime=mime)
    assert gemini.codes() == ["WIRE027"]


def test_audio_without_any_format_is_found(gemini: Any) -> None:
    assert gemini.sent({"realtime_input": {"audio": {"data": "AAAA"}}}).codes() == ["WIRE027"]


def test_audio_at_16_khz_is_not(gemini: Any) -> None:
    gemini.audio("sent", "realtime_input.audio", 1.0, 50000, mime="audio/pcm; rate=16000")
    assert gemini.codes() == []


def test_pictures_are_not_taken_for_audio(gemini: Any) -> None:
    picture = {"mimeType": "image/jpeg", "data": "AAAA"}
    assert gemini.sent({"realtimeInput": {"mediaChunks": [picture]}}).codes() == []


@pytest.mark.parametrize("frame", [text(), text(""), text("Hello", "")])
def test_turn_with_nothing_in_it_is_found(gemini: Any, frame: Any) -> None:
    assert gemini.sent(frame).codes() == ["WIRE028"]


def test_instructions_with_nothing_in_them_are_found(bare_gemini: Any) -> None:
    assert bare_gemini.sent(setup_with(systemInstruction={"parts": [{"text": ""}]})).codes() == ["WIRE028"]


def test_turn_of_one_blank_is_not(gemini: Any) -> None:
    assert gemini.sent(text(" ")).codes() == []


def test_role_of_another_api_is_found(gemini: Any) -> None:
    assert gemini.sent(text("Hello", role="assistant")).codes() == ["WIRE029"]


def test_roles_of_user_and_model_are_not(gemini: Any) -> None:
    assert gemini.sent(text("Hello")).sent(text("Good day", role="model")).codes() == []


@pytest.mark.parametrize("names", [["a", "a"], ["hand over"], ["1st"], ["x" * 129], ["grüße"]])
def test_tools_that_cannot_be_declared_are_found(bare_gemini: Any, names: list[str]) -> None:
    assert bare_gemini.sent(tools(*({"name": name} for name in names))).codes() == ["WIRE030"]


def test_tools_with_unusual_names_are_not(bare_gemini: Any) -> None:
    assert bare_gemini.sent(tools({"name": "_a.b:c-d"}, {"name": "A"})).codes() == []


def test_control_characters_are_found(gemini: Any) -> None:
    assert gemini.sent(text("a\x00b")).codes() == ["WIRE033"]


def test_line_breaks_are_not(gemini: Any) -> None:
    assert gemini.sent(text("a\r\n\tb")).codes() == []
