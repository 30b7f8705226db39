"""A conversation on one connection, against a scripted service, through the real SDK and the simulated network."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from roomkit_sim.errors import ConfigurationError, ProviderConnectionError, SessionNotFoundError
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSessionState
from tests.providers.openai.realtime_service import FORMAT, TOOL, Served, calling

pytestmark = pytest.mark.sim


async def test_connect_configures_the_model_and_activates_the_session(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(system_prompt="Greet.", voice="marin", tools=[TOOL])
        (update,) = served.of("session.update")
        session = update["session"]
        assert call.session.state is VoiceSessionState.ACTIVE
        assert call.session.provider_session_id == "sess_1"
        assert (session["type"], session["instructions"]) == ("realtime", "Greet.")
        assert session["audio"]["output"] == {"format": FORMAT, "voice": "marin"}
        assert session["tools"] == [{"type": "function", **{key: TOOL[key] for key in TOOL if key != "handoff"}}]
        assert call.told.steps == ["opened"]


async def test_callers_audio_is_brought_to_24_khz(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(input_sample_rate=8000)
        for _ in range(10):
            await call.provider.send_audio(call.session, bytes(320))
        await served.until(lambda it: len(it.audio) == 10 * 960)
        assert len(served.of("input_audio_buffer.append")) == 10


async def test_output_comes_at_the_rate_that_was_asked_for(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(output_sample_rate=8000)
        await served.answer("r1", "Hello", bytes(960))
        await call.told.until(lambda it: it.of("response_end"))
        audio: Any = call.told.of("audio")[0][0]
        assert len(audio) == 320


async def test_a_turn_is_told_in_the_order_in_which_it_happened(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.say("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
        await served.say("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=900)
        await served.say("input_audio_buffer.committed", item_id="u1")
        await served.begin("r1")
        await served.speak("r1", "a1", words="Good")
        await served.spoken("r1", "a1", "Good day")
        await served.done("r1")
        await served.say("conversation.item.input_audio_transcription.delta", item_id="u1", delta=" Hel")
        await served.heard("u1", "Hello there.")
        await call.told.until(lambda it: it.of("response_end"))
        assert [event[0] for event in call.told.events[1:]] == [
            "speech_start",
            "speech_end",
            "response_start",
            "transcription",
            "audio",
            "transcription",
            "transcription",
            "transcription",
            "response_end",
        ]
        assert call.told.finals == [("user", "Hello there."), ("assistant", "Good day")]


async def test_a_tool_call_waits_for_the_words_that_led_to_it_but_not_for_ever(world: World) -> None:
    async with calling(world, transcript_wait_s=0.5) as call:
        served = await call.connect()
        await served.say("input_audio_buffer.committed", item_id="u1")
        await served.call("r1", ("c1", "look_up", "{}"))
        began_ns = world.now_ns
        await call.told.until(lambda it: it.of("tool_call"))
        assert 400_000_000 < world.now_ns - began_ns < 700_000_000
        await served.heard("u1", "Late words")
        await call.told.until(lambda it: it.finals)
        assert call.told.finals == [("user", "Late words")]


async def test_transcripts_out_of_order_are_told_in_the_order_of_speech(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        for item in ("u1", "u2"):
            await served.say("input_audio_buffer.committed", item_id=item)
        await served.heard("u2", "second")
        await served.heard("u1", "first")
        await call.told.until(lambda it: len(it.finals) == 2)
        assert call.told.finals == [("user", "first"), ("user", "second")]


async def test_a_failed_transcription_is_reported_and_holds_nothing_up(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.say("input_audio_buffer.committed", item_id="u1")
        await served.say("conversation.item.input_audio_transcription.failed", item_id="u1", error={"message": "noise"})
        await served.call("r1", ("c1", "look_up", "{}"))
        await call.told.until(lambda it: it.of("tool_call"))
        assert call.told.error_codes == ["transcription_failed"]


async def test_parallel_calls_get_one_answer_after_all_results(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call(
            "r1", ("c1", "look_up", '{  \n "word": "a"\n}'), ("c2", "look_up", '{"word": "b"}'), end=False
        )
        await call.told.until(lambda it: len(it.of("tool_call")) == 2)
        assert call.told.of("tool_call") == [("c1", "look_up", {"word": "a"}), ("c2", "look_up", {"word": "b"})]
        await call.provider.submit_tool_result(call.session, "c2", "B")
        await call.provider.submit_tool_result(call.session, "c1", "A")
        await served.until(lambda it: len(it.items) == 2)
        assert served.of("response.create") == []
        await served.done("r1")
        await served.until(lambda it: it.of("response.create"))
        await served.answer("r2", "Both found")
        await call.told.until(lambda it: len(it.of("response_end")) == 2)
        assert [(item["call_id"], item["output"]) for item in served.items] == [("c2", "B"), ("c1", "A")]
        assert len(served.of("response.create")) == 1


async def test_arguments_that_are_no_json_are_answered_as_an_error(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "look_up", '{"word": '))
        await served.until(lambda it: it.of("response.create"))
        assert call.told.of("tool_call") == []
        assert call.told.error_codes == ["bad_arguments"]
        assert "JSON" in json.loads(served.items[0]["output"])["error"]


async def test_a_call_whose_id_was_used_before_is_not_made(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "look_up", "{}"), ("c1", "look_up", '{"word": "x"}'))
        await call.told.until(lambda it: it.of("response_end"))
        assert len(call.told.of("tool_call")) == 1
        assert call.told.error_codes == ["duplicate_call"]


async def test_texts_wait_for_the_answer_before_them(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await call.provider.inject_text(call.session, "one", role="system")
        await call.provider.inject_text(call.session, "two", role="assistant")
        await served.until(lambda it: it.of("response.create"))
        await asyncio.sleep(0.1)
        assert len(served.of("response.create")) == 1
        await served.answer("r1", "first")
        await served.until(lambda it: len(it.of("response.create")) == 2)
        assert served.kinds[1:] == ["conversation.item.create", "response.create"] * 2
        assert [(item["role"], item["content"]) for item in served.items] == [
            ("system", [{"type": "input_text", "text": "one"}]),
            ("assistant", [{"type": "output_text", "text": "two"}]),
        ]


async def test_an_answer_that_the_service_began_first_is_waited_for(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await call.provider.inject_text(call.session, "speak")
        await served.until(lambda it: it.of("response.create"))
        await served.begin("r1")
        await served.error("conversation_already_has_active_response")
        await call.told.until(lambda it: it.of("response_start"))
        assert len(served.of("response.create")) == 1
        await served.done("r1")
        await served.until(lambda it: len(it.of("response.create")) == 2)
        assert call.told.error_codes == []


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        ("failed", {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, "rate_limit_exceeded"),
        ("failed", {}, "response_failed"),
        ("incomplete", {"reason": "max_output_tokens"}, "response_incomplete"),
    ],
)
async def test_an_answer_that_fails_is_reported_and_over(world: World, status: str, details: Any, code: str) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.begin("r1")
        await served.done("r1", status, **details)
        await call.told.until(lambda it: it.of("response_end"))
        assert call.told.error_codes == [code]
        assert call.session.state is VoiceSessionState.ACTIVE


async def test_errors_of_the_service_are_reported_and_the_call_goes_on(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.error("invalid_value", "something is wrong")
        await served.answer("r1", "still here")
        await call.told.until(lambda it: it.of("response_end"))
        assert call.told.of("error") == [("invalid_value", "openai: something is wrong")]


async def test_events_that_are_unknown_or_malformed_are_passed_over(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.say("response.brand_new.delta", delta="?")
        await served.say("rate_limits.updated", rate_limits=[])
        await served.socket.send('{"no_type": true}')
        await served.socket.send("not json")
        await served.say("response.output_audio.delta", item_id="a", delta="!!!")
        await served.answer("r1", "still here")
        await call.told.until(lambda it: it.of("response_end"))
        assert set(call.told.error_codes) == {"protocol_error"}
        assert call.told.finals == [("assistant", "still here")]


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (403, False), (429, True), (503, True)])
async def test_a_refused_upgrade_is_a_connection_error(world: World, status: int, retryable: bool) -> None:
    async with calling(world) as call:
        call.service.refuse = lambda number: status
        with pytest.raises(ProviderConnectionError) as caught:
            await call.connect()
        assert (caught.value.status_code, caught.value.retryable) == (status, retryable)
        assert "secret" not in str(caught.value)
        with pytest.raises(SessionNotFoundError):
            await call.provider.inject_text(call.session, "anybody?")


async def test_a_configuration_that_the_service_refuses_is_a_connection_error(world: World) -> None:
    async with calling(world) as call:

        async def refuse(served: Served, update: dict[str, Any]) -> None:
            await served.error("invalid_value", "unknown voice", about=update["event_id"])

        call.service.on_update = refuse
        with pytest.raises(ProviderConnectionError, match="unknown voice") as caught:
            await call.connect(voice="nobody")
        assert not caught.value.retryable
        assert call.service.dials == 1


async def test_a_misspelt_setting_is_refused_before_anything_is_dialled(world: World) -> None:
    async with calling(world) as call:
        with pytest.raises(ConfigurationError, match="silence_durations_ms"):
            await call.connect(provider_config={"silence_durations_ms": 500})
        assert call.service.dials == 0


async def test_raw_events_are_sent_as_they_are(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await call.provider.send_event(call.session, {"type": "input_audio_buffer.clear"})
        await served.until(lambda it: it.of("input_audio_buffer.clear"))
        assert served.frames[-1] == {"type": "input_audio_buffer.clear"}
