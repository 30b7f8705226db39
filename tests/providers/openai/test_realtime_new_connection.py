"""Another agent on another connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.errors import ProviderConnectionError, ProviderError
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSessionState
from tests.providers.openai.realtime_service import TOOL, Call, Served, calling, frame, reconfigured_beside

pytestmark = pytest.mark.sim


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


async def replaced_during_a_call(call: Call) -> tuple[Served, Served, Any, asyncio.Task[None]]:
    """A tool runs while another voice is asked for: the old connection, the new one, its update, and the change."""
    first = await call.connect(voice="marin", tools=[TOOL])
    await first.answer("r0", "Hello")
    await first.call("r1", ("c1", "look_up", "{}"))
    await call.told.until(lambda it: it.of("tool_call"))
    asked: asyncio.Queue[tuple[Served, Any]] = asyncio.Queue()
    call.service.on_update = lambda served, update: asked.put((served, update))
    pending = asyncio.create_task(call.provider.reconfigure(call.session, voice="cedar"))
    second, update = await asked.get()
    return first, second, update, pending


async def test_a_result_that_comes_while_a_connection_is_replaced_is_not_given_to_the_old_one(world: World) -> None:
    async with calling(world) as call:
        first, second, update, pending = await replaced_during_a_call(call)
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
        first, second, update, pending = await replaced_during_a_call(call)
        answering = asyncio.create_task(call.provider.submit_tool_result(call.session, "c1", "found"))
        await asyncio.sleep(0.1)
        assert not answering.done()
        await second.error("invalid_value", "unknown voice", about=update["event_id"])
        with pytest.raises(ProviderConnectionError):
            await pending
        await answering
        await first.until(lambda it: it.of("response.create"))
        assert first.kinds[-2:] == ["conversation.item.create", "response.create"]


async def test_words_that_become_final_only_when_the_old_connection_is_left_are_told_to_the_new_one(
    world: World,
) -> None:
    """Their transcript began and was never completed."""
    async with calling(world, transcript_wait_s=0.5) as call:
        first = await call.connect(voice="marin")
        await first.answer("r0", "Hello")
        await first.say("input_audio_buffer.committed", item_id="u1")
        await first.say("conversation.item.input_audio_transcription.delta", item_id="u1", delta="I want bonds")
        await call.told.until(lambda it: ("I want bonds", "user", False) in it.of("transcription"))
        await asyncio.sleep(1.0)
        await call.provider.reconfigure(call.session, voice="cedar")
        second = await call.service.connection(1)
        await call.provider.inject_text(call.session, "greet")
        await second.until(lambda it: it.of("response.create"))
        assert [item["content"][0]["text"] for item in second.items] == ["Hello", "I want bonds", "greet"]
