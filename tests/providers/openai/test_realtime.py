"""The provider against a scripted service, through the real SDK and the simulated network."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from roomkit_sim.errors import ConfigurationError, ProviderConnectionError, ProviderError, SessionNotFoundError
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSessionState
from tests.providers.openai.realtime_service import FORMAT, Call, Served, calling

pytestmark = pytest.mark.sim

TOOL = {
    "name": "look_up",
    "description": "Looks up",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
    "handoff": True,
}


def frame(number: int) -> bytes:
    return number.to_bytes(2, "little") * 480


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


async def test_interrupt_cancels_an_answer_only_where_there_is_one(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await call.provider.interrupt(call.session)
        await served.begin("r1")
        await call.told.until(lambda it: it.of("response_start"))
        await call.provider.interrupt(call.session)
        await served.until(lambda it: it.of("response.cancel"))
        await served.error("response_cancel_not_active")
        await served.done("r1", "cancelled", reason="client_cancelled")
        await call.told.until(lambda it: it.of("response_end"))
        assert len(served.of("response.cancel")) == 1
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


# Handoffs


async def test_prompt_and_tools_change_inside_the_connection_while_the_voice_stays(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(system_prompt="Triage", voice="marin", tools=[TOOL])
        await served.answer("r1", "Hello")
        await served.call("r2", ("c1", "look_up", "{}"))
        await call.told.until(lambda it: it.of("tool_call"))
        await call.provider.submit_tool_result(call.session, "c1", "{}", respond=False)
        await call.provider.reconfigure(call.session, system_prompt="Advise", voice="marin", tools=())
        await call.provider.inject_text(call.session, "greet")
        await served.until(lambda it: it.of("response.create"))
        assert call.told.steps == ["opened", "updated"]
        assert (served.prompt, served.session["tools"]) == ("Advise", [])
        assert "voice" not in served.of("session.update")[1]["session"]["audio"]["output"]
        assert served.kinds[1:] == [
            "conversation.item.create",
            "session.update",
            "conversation.item.create",
            "response.create",
        ]
        assert call.service.dials == 1


async def test_the_voice_changes_inside_the_connection_until_it_has_been_heard(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(voice="marin")
        await call.provider.reconfigure(call.session, voice="cedar")
        assert (served.voice, call.service.dials) == ("cedar", 1)
        await call.provider.reconfigure(call.session, voice="")
        assert (served.voice, call.service.dials) == ("alloy", 1)


async def test_another_voice_takes_another_connection_that_is_told_what_was_said(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(system_prompt="Triage", voice="marin")
        await first.say("input_audio_buffer.committed", item_id="u1")
        await first.answer("r1", "Certainly")
        await first.heard("u1", "I want to invest")
        await call.told.until(lambda it: it.of("response_end"))
        await call.provider.reconfigure(call.session, system_prompt="Advise", voice="cedar", tools=[TOOL])
        second = await call.service.connection(1)
        await second.until(lambda it: len(it.items) == 2)
        assert (second.prompt, second.voice, len(second.session["tools"])) == ("Advise", "cedar", 1)
        assert [(item["role"], item["content"][0]["text"]) for item in second.items] == [
            ("user", "I want to invest"),
            ("assistant", "Certainly"),
        ]
        assert call.told.steps == ["opened", "reconnecting", "reseeded"]
        assert call.session.provider_session_id == "sess_2"
        await asyncio.wait_for(first.closed.wait(), 5)


async def reconfigured_beside(call: Call, first: Served) -> asyncio.Task[None]:
    """A change of voice that waits for its session to be acknowledged, and the connection on which it waits."""
    await first.answer("r0", "Hello")
    await call.told.until(lambda it: it.of("response_end"))
    pending = asyncio.create_task(call.provider.reconfigure(call.session, voice="cedar"))
    await call.service.connection(1)
    return pending


async def test_the_old_connection_speaks_until_the_new_one_is_ready(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")
        asked: asyncio.Queue[tuple[Served, Any]] = asyncio.Queue()
        call.service.on_update = lambda served, update: asked.put((served, update))
        pending = await reconfigured_beside(call, first)
        second, update = await asked.get()
        await first.answer("r1", "One moment please")
        await call.told.until(lambda it: ("assistant", "One moment please") in it.finals)
        assert call.session.state is VoiceSessionState.ACTIVE
        assert not first.closed.is_set()
        await call.service.accept(second, update)
        await pending
        assert not first.closed.is_set()
        await asyncio.wait_for(first.closed.wait(), 5)
        await second.until(lambda it: it.items)
        assert [item["content"][0]["text"] for item in second.items] == ["Hello One moment please"]


async def test_callers_audio_during_a_handoff_is_neither_lost_nor_doubled(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")
        for number in range(5):
            await call.provider.send_audio(call.session, frame(number))
        await first.until(lambda it: len(it.audio) == 5 * 960)
        pending = await reconfigured_beside(call, first)
        for number in range(5, 20):
            await call.provider.send_audio(call.session, frame(number))
        await pending
        for number in range(20, 25):
            await call.provider.send_audio(call.session, frame(number))
        second = await call.service.connection(1)
        await second.until(lambda it: len(it.audio) == 20 * 960)
        assert first.audio + second.audio == b"".join(frame(number) for number in range(25))


async def test_a_handoff_that_fails_leaves_the_old_agent_on_the_line(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(system_prompt="Triage", voice="marin")
        await first.answer("r0", "Hello")
        await call.told.until(lambda it: it.of("response_end"))
        call.service.refuse = lambda number: 503
        with pytest.raises(ProviderConnectionError, match="503"):
            await call.provider.reconfigure(call.session, system_prompt="Advise", voice="cedar")
        await call.provider.send_audio(call.session, frame(1))
        await call.provider.inject_text(call.session, "apologise")
        await first.until(lambda it: it.audio and it.of("response.create"))
        assert call.session.state is VoiceSessionState.ACTIVE
        assert call.service.dials == 2
        assert call.told.steps == ["opened", "reconnecting"]
        await first.answer("r1", "I am sorry")
        # The voice that could not be had is not wanted any more.
        await call.provider.reconfigure(call.session, system_prompt="Triage again")
        assert (first.prompt, first.voice, call.service.dials) == ("Triage again", "marin", 2)


async def test_plain_reconnect_closes_the_old_connection_first(world: World) -> None:
    async with calling(world, overlap=False) as call:
        first = await call.connect(voice="marin")
        open_at_dial: list[bool] = []
        call.service.refuse = lambda number: open_at_dial.append(not first.closed.is_set())
        await (await reconfigured_beside(call, first))
        assert open_at_dial == [False]


@pytest.mark.parametrize("overlap", [True, False])
async def test_the_callers_last_words_are_in_the_history_though_their_transcript_is_late(
    world: World, overlap: bool
) -> None:
    async with calling(world, overlap=overlap) as call:
        first = await call.connect(voice="marin")
        await first.answer("r0", "Hello")
        await first.say("input_audio_buffer.committed", item_id="u1")
        await call.told.until(lambda it: it.of("response_end"))
        pending = asyncio.create_task(call.provider.reconfigure(call.session, voice="cedar"))
        await asyncio.sleep(0.3)
        await first.heard("u1", "I want bonds")
        await pending
        second = await call.service.connection(1)
        await second.until(lambda it: len(it.items) == 2)
        assert [item["content"][0]["text"] for item in second.items] == ["Hello", "I want bonds"]


async def test_an_update_that_is_refused_takes_another_connection(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")
        await first.answer("r1", "Hello")

        async def refuse(served: Served, update: dict[str, Any]) -> None:
            if served is first:
                await served.error("cannot_update_voice", about=update["event_id"])
            else:
                await call.service.accept(served, update)

        call.service.on_update = refuse
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        second = await call.service.connection(1)
        assert (second.prompt, second.voice) == ("Advise", "marin")
        assert call.told.error_codes == ["cannot_update_voice"]


async def test_an_update_that_is_not_acknowledged_takes_another_connection(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")

        async def ignore(served: Served, update: dict[str, Any]) -> None:
            if served is not first:
                await call.service.accept(served, update)

        call.service.on_update = ignore
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        assert (await call.service.connection(1)).prompt == "Advise"


async def test_a_format_that_falls_back_after_an_update_takes_another_connection(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")

        async def reset(served: Served, update: dict[str, Any]) -> None:
            if served is first:
                update["session"]["audio"]["output"]["format"] = {"type": "audio/pcmu"}
            await call.service.accept(served, update)

        call.service.on_update = reset
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        assert call.told.error_codes == ["update_not_applied"]
        assert (await call.service.connection(1)).prompt == "Advise"


async def test_an_answer_that_is_open_is_waited_for_and_then_cancelled_before_an_update(world: World) -> None:
    async with calling(world, response_wait_s=0.4) as call:
        served = await call.connect(voice="marin")
        await served.begin("r1")
        await call.told.until(lambda it: it.of("response_start"))
        pending = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Advise"))
        await served.until(lambda it: it.of("response.cancel"))
        assert len(served.of("session.update")) == 1
        await served.done("r1", "cancelled", reason="client_cancelled")
        await pending
        assert served.prompt == "Advise"


async def test_what_was_asked_for_the_former_agent_is_not_asked_of_the_next(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "look_up", "{}"), end=False)
        await call.told.until(lambda it: it.of("tool_call"))
        await call.provider.submit_tool_result(call.session, "c1", "{}", respond=False)
        await call.provider.inject_text(call.session, "for the first agent")
        pending = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Advise"))
        await asyncio.sleep(0.05)
        await served.done("r1")
        await pending
        await call.provider.inject_text(call.session, "for the second agent")
        await served.until(lambda it: it.of("response.create"))
        texts = [item["content"][0]["text"] for item in served.items if item["type"] == "message"]
        assert texts == ["for the second agent"]
        assert len(served.of("response.create")) == 1


async def test_a_result_for_a_connection_that_is_gone_is_refused(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(tools=[TOOL])
        await first.call("r1", ("c1", "look_up", "{}"))
        await call.told.until(lambda it: it.of("tool_call"))
        await first.socket.close(1011)
        await call.told.until(lambda it: it.steps[-1] in ("fresh", "reseeded"))
        with pytest.raises(ProviderError, match="c1"):
            await call.provider.submit_tool_result(call.session, "c1", "{}")


async def test_a_result_that_comes_while_a_connection_is_replaced_is_not_given_to_the_old_one(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin", tools=[TOOL])
        await first.answer("r0", "Hello")
        await first.call("r1", ("c1", "look_up", "{}"))
        await call.told.until(lambda it: it.of("tool_call"))
        asked: asyncio.Queue[tuple[Served, Any]] = asyncio.Queue()
        call.service.on_update = lambda served, update: asked.put((served, update))
        pending = asyncio.create_task(call.provider.reconfigure(call.session, voice="cedar"))
        second, update = await asked.get()
        answering = asyncio.create_task(call.provider.submit_tool_result(call.session, "c1", "found"))
        await asyncio.sleep(0.1)
        await call.service.accept(second, update)
        await pending
        # Whoever answers learns that the new connection must be told otherwise.
        with pytest.raises(ProviderError, match="c1"):
            await answering
        assert [item for item in first.items if item["type"] == "function_call_output"] == []


async def test_a_result_waits_for_a_replacement_that_fails_and_is_given_to_the_old_connection(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin", tools=[TOOL])
        await first.answer("r0", "Hello")
        await first.call("r1", ("c1", "look_up", "{}"))
        await call.told.until(lambda it: it.of("tool_call"))
        asked: asyncio.Queue[tuple[Served, Any]] = asyncio.Queue()
        call.service.on_update = lambda served, update: asked.put((served, update))
        pending = asyncio.create_task(call.provider.reconfigure(call.session, voice="cedar"))
        second, update = await asked.get()
        answering = asyncio.create_task(call.provider.submit_tool_result(call.session, "c1", "found"))
        await asyncio.sleep(0.1)
        assert not answering.done()
        await second.error("invalid_value", "unknown voice", about=update["event_id"])
        with pytest.raises(ProviderConnectionError):
            await pending
        await answering
        await first.until(lambda it: it.of("response.create"))
        assert first.kinds[-2:] == ["conversation.item.create", "response.create"]


async def test_calls_that_come_with_a_handoff_are_not_answered_by_the_former_agent(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "hand_over", "{}"), ("c2", "look_up", "{}"))
        await call.told.until(lambda it: len(it.of("tool_call")) == 2)
        await call.provider.submit_tool_result(call.session, "c1", "{}", respond=False)
        await call.provider.reconfigure(call.session, system_prompt="Advise")
        await call.provider.submit_tool_result(call.session, "c2", "found")
        await asyncio.sleep(0.1)
        assert served.of("response.create") == []
        await call.provider.inject_text(call.session, "greet")
        await served.until(lambda it: it.of("response.create"))
        assert served.kinds[-2:] == ["conversation.item.create", "response.create"]
        assert len(served.of("response.create")) == 1


async def test_a_tool_that_changes_the_prompt_is_answered_under_the_new_one(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect(tools=[TOOL])
        await served.call("r1", ("c1", "speak_french", "{}"), end=False)
        await call.told.until(lambda it: it.of("tool_call"))
        await call.provider.submit_tool_result(call.session, "c1", "{}")
        pending = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Parlez"))
        await served.done("r1")
        await pending
        await served.until(lambda it: it.of("response.create"))
        assert served.kinds[-2:] == ["session.update", "response.create"]


# Interruptions


def ms(milliseconds: int) -> bytes:
    return bytes(48 * milliseconds)


async def test_what_was_not_played_is_taken_out_of_the_conversation_once(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.answer("r1", "A long story", ms(2000))
        await call.told.until(lambda it: it.of("response_end"))
        call.provider.on_speech_start(lambda session: asyncio.ensure_future(call.provider.truncate(session, 1200.0)))
        await served.say("input_audio_buffer.speech_started", item_id="u1")
        await served.say("input_audio_buffer.speech_started", item_id="u1")
        await served.until(lambda it: it.of("conversation.item.truncate"))
        await call.told.until(lambda it: len(it.of("speech_start")) == 2)
        await call.provider.send_event(call.session, {"type": "input_audio_buffer.clear"})
        await served.until(lambda it: it.of("input_audio_buffer.clear"))
        assert served.of("conversation.item.truncate") == [
            {
                "type": "conversation.item.truncate",
                "item_id": "item of r1",
                "content_index": 0,
                "audio_end_ms": 800,
            }
        ]


async def test_a_barge_in_right_after_a_new_answer_cuts_both_answers_where_they_were(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.answer("r1", "First", ms(1000))
        await served.begin("r2")
        await served.speak("r2", "a2", ms(300))
        await call.told.until(lambda it: len(it.of("audio")) == 2)
        call.provider.on_speech_start(lambda session: asyncio.ensure_future(call.provider.truncate(session, 500.0)))
        await served.say("input_audio_buffer.speech_started", item_id="u1")
        await served.speak("r2", "a2", ms(300))
        await served.until(lambda it: len(it.of("conversation.item.truncate")) == 2)
        cuts = [(cut["item_id"], cut["audio_end_ms"]) for cut in served.of("conversation.item.truncate")]
        assert cuts == [("a2", 0), ("item of r1", 800)]
        await served.done("r2", "cancelled", reason="turn_detected")
        await served.answer("r3", "Yes?", ms(100))
        await call.told.until(lambda it: ("assistant", "Yes?") in it.finals)
        assert [len(audio) for (audio,) in call.told.of("audio")] == [48_000, 14_400, 4_800]


# Losses


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012])
async def test_a_lost_connection_is_replaced_and_told_what_was_said(world: World, code: int) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")
        await first.answer("r1", "Good morning")
        await call.told.until(lambda it: it.of("response_end"))
        if code == 1006:
            first.socket.transport.abort()
        else:
            await first.socket.close(code)
        await call.told.until(lambda it: "reseeded" in it.steps)
        second = await call.service.connection(1)
        await second.until(lambda it: it.items)
        assert call.told.steps == ["opened", "lost", "reconnecting", "reseeded"]
        assert (second.voice, second.items[0]["content"][0]["text"]) == ("marin", "Good morning")
        assert call.session.state is VoiceSessionState.ACTIVE


async def test_a_clean_close_ends_the_session_and_says_so(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.socket.close(1000)
        await call.told.until(lambda it: "closed" in it.steps)
        assert call.told.error_codes == ["connection_closed"]
        assert call.session.state is VoiceSessionState.ENDED
        assert call.service.dials == 1


async def test_a_session_that_expires_unannounced_is_replaced(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.error("session_expired", "Your session hit the maximum duration of 60 minutes.")
        await served.socket.close(1000)
        await call.told.until(lambda it: "fresh" in it.steps)
        assert call.told.error_codes == ["session_expired"]


async def test_the_end_of_the_session_is_forestalled_in_a_quiet_moment(world: World) -> None:
    async with calling(world, go_away_notice_s=120.0) as call:
        call.service.lasts_s = 1000.0
        first = await call.connect(voice="marin")
        await asyncio.sleep(870)
        await first.begin("r1")
        await asyncio.sleep(20)
        assert call.told.steps == ["opened", "go_away"]
        await first.done("r1")
        second = await call.service.connection(1)
        await call.told.until(lambda it: it.steps[-1] == "fresh")
        assert 890 <= world.now_ns / 1e9 < 895
        assert "lost" not in call.told.steps
        assert second.voice == "marin"


async def test_attempts_are_bounded_and_the_end_is_told(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        call.service.refuse = lambda number: 503
        served.socket.transport.abort()
        await call.told.until(lambda it: "closed" in it.steps)
        assert call.service.dials == 1 + 3
        assert call.told.error_codes == ["max_reconnects"]
        assert call.session.state is VoiceSessionState.ENDED


async def test_a_silent_loss_is_noticed_by_keepalive(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        world.network.cut(served.number, "silent")
        await asyncio.sleep(25)
        assert "lost" in call.told.steps


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


async def test_hang_up_stops_a_handoff_and_nothing_is_dialled_after_it(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")
        pending = await reconfigured_beside(call, first)
        await call.provider.disconnect(call.session)
        await call.provider.disconnect(call.session)
        with pytest.raises(SessionNotFoundError):
            await pending
        for served in call.service.connections:
            await asyncio.wait_for(served.closed.wait(), 5)
        assert call.service.dials == 2
        assert call.session.state is VoiceSessionState.ENDED


async def test_a_loss_during_a_handoff_makes_one_reconnect(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="marin")
        pending = await reconfigured_beside(call, first)
        first.socket.transport.abort()
        await pending
        second = await call.service.connection(1)
        await second.answer("r1", "I am here")
        await call.told.until(lambda it: ("assistant", "I am here") in it.finals)
        assert (call.service.dials, second.voice) == (2, "cedar")


async def test_raw_events_are_sent_as_they_are(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await call.provider.send_event(call.session, {"type": "input_audio_buffer.clear"})
        await served.until(lambda it: it.of("input_audio_buffer.clear"))
        assert served.frames[-1] == {"type": "input_audio_buffer.clear"}
