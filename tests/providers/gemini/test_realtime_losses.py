"""Connections that are lost or come to nothing while somebody waits, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.providers.gemini.live_events import LiveNormaliser
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities
from tests.providers.gemini.scripted_live import calling

pytestmark = pytest.mark.sim

SPEECH = b"\x00\x10" * 320
CHANGES_INSIDE = RealtimeCapabilities(resumption=True, in_session_update=True)


async def test_a_change_inside_the_connection_does_not_wait_for_the_answer_of_one_that_is_lost(world: World) -> None:
    async with calling(world, CHANGES_INSIDE, response_wait_s=3.0) as call:
        first = await call.connect(system_prompt="Triage")
        await first.speak(bytes(960))
        await call.told.until(lambda it: it.of("audio"))
        changing = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Advise"))
        await asyncio.sleep(0.1)
        began_ns = world.now_ns
        first.socket.transport.abort()
        await changing
        assert (await call.server.connection(1)).prompt == "Advise"
        assert world.now_ns - began_ns < 1_000_000_000


async def test_a_handle_is_not_waited_for_on_a_connection_that_is_lost(world: World) -> None:
    async with calling(world, handle_wait_s=3.0) as call:
        first = await call.connect(voice="Aoede")
        changing = asyncio.create_task(call.provider.reconfigure(call.session, voice="Charon"))
        await asyncio.sleep(0.1)
        began_ns = world.now_ns
        first.socket.transport.abort()
        await changing
        assert (await call.server.connection(1)).voice == "Charon"
        assert world.now_ns - began_ns < 1_000_000_000


async def test_a_handle_is_not_waited_for_on_a_connection_on_which_nothing_was_said_yet(world: World) -> None:
    """What the old handle lacks was told again to the connection that replaced a lost one; a handoff follows."""
    async with calling(world, handle_wait_s=3.0) as call:
        first = await call.connect(voice="Aoede")
        await first.offer_handle("handle-1")
        await first.say(sessionResumptionUpdate={"resumable": False})
        await first.say(serverContent={"inputTranscription": {"text": "I want bonds"}})
        await first.say(serverContent={"turnComplete": True})
        await call.told.until(lambda it: it.finals)
        first.socket.transport.abort()
        await call.told.until(lambda it: "resumed" in it.steps)
        began_ns = world.now_ns
        await call.provider.reconfigure(call.session, voice="Charon")
        third = await call.server.connection(2)
        assert (third.voice, third.handle) == ("Charon", "handle-1")
        assert world.now_ns - began_ns < 1_000_000_000
        await third.until(lambda it: it.of("client_content"))
        assert third.of("client_content")[0]["turns"] == [{"role": "user", "parts": [{"text": "I want bonds"}]}]


async def test_a_handle_is_waited_for_on_a_resumed_connection_that_got_a_result(world: World) -> None:
    async with calling(world, handle_wait_s=3.0) as call:
        first = await call.connect(voice="Aoede")
        await first.offer_handle("handle-1")
        await first.say(sessionResumptionUpdate={"resumable": False})
        await first.call("fc-1", "look_up")
        await call.told.until(lambda it: it.of("tool_call"))
        first.socket.transport.abort()
        second = await call.server.connection(1)
        await second.call("fc-2", "look_up")
        await call.told.until(lambda it: len(it.of("tool_call")) == 2)
        await call.provider.submit_tool_result(call.session, "fc-2", "{}")
        changing = asyncio.create_task(call.provider.reconfigure(call.session, voice="Charon"))
        await asyncio.sleep(0.5)
        await second.offer_handle("handle-2")
        await changing
        assert (await call.server.connection(2)).handle == "handle-2"


@pytest.mark.parametrize("handle", [None, "handle-1"])
async def test_a_set_up_that_is_lost_costs_a_handoff_one_short_deadline(world: World, handle: str | None) -> None:
    async with calling(world, replace_timeout_s=2.0, handle_wait_s=0.2) as call:
        first = await call.connect(voice="Aoede")
        if handle:
            await first.offer_handle(handle)
        call.server.answers = lambda number: number != 1
        began_ns = world.now_ns
        await call.provider.reconfigure(call.session, voice="Charon")
        assert 2_000_000_000 <= world.now_ns - began_ns < 3_500_000_000
        assert call.server.dials == 3
        last = call.server.connections[-1]
        assert (last.voice, last.handle) == ("Charon", handle)
        assert call.told.steps.count("reconnecting") == 2


async def test_an_announced_close_is_not_forestalled_between_the_callers_words_and_their_answer(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(voice="Aoede")
        await first.offer_handle("handle-1")
        await first.say(serverContent={"inputTranscription": {"text": "I want"}})
        await call.told.until(lambda it: it.of("transcription"))
        await first.say(goAway={"timeLeft": "60s"})
        await asyncio.sleep(10)
        assert call.told.steps == ["opened", "go_away"]
        await first.speak(bytes(960))
        await first.say(serverContent={"turnComplete": True})
        await call.told.until(lambda it: it.steps[-1] == "resumed")
        assert world.now_ns < 12_000_000_000


@pytest.mark.parametrize("handle", [None, "handle-1"])
async def test_what_is_said_while_the_new_connection_is_dialled_is_told_to_it(world: World, handle: str | None) -> None:
    async with calling(world, replace_timeout_s=2.0, handle_wait_s=0.2) as call:
        first = await call.connect(voice="Aoede")
        await first.say(serverContent={"inputTranscription": {"text": "I want to invest."}})
        await first.say(serverContent={"outputTranscription": {"text": "Gladly."}, "turnComplete": True})
        await call.told.until(lambda it: len(it.finals) == 2)
        if handle:
            await first.offer_handle(handle)
            await asyncio.sleep(0.5)
        call.server.answers = lambda number: number != 1
        changing = asyncio.create_task(call.provider.reconfigure(call.session, voice="Charon"))
        await call.server.connection(1)
        await first.say(sessionResumptionUpdate={"resumable": False})
        await first.say(serverContent={"outputTranscription": {"text": "One moment, please."}})
        await first.say(serverContent={"turnComplete": True})
        await changing
        last = call.server.connections[-1]
        assert last.handle == handle
        await call.provider.send_audio(call.session, SPEECH)
        await last.until(lambda it: it.audio)
        told = str(last.of("client_content"))
        assert (told.count("One moment"), told.count("Gladly")) == (1, 0 if handle else 1)


async def test_words_of_the_caller_that_a_handle_covers_are_not_told_again_because_their_transcript_is_late(
    world: World,
) -> None:
    async with calling(world, replace_timeout_s=2.0) as call:
        first = await call.connect(voice="Aoede")
        await first.offer_handle("handle-1")
        await asyncio.sleep(0.5)
        call.server.answers = lambda number: number != 1
        changing = asyncio.create_task(call.provider.reconfigure(call.session, voice="Charon"))
        await call.server.connection(1)
        await first.say(serverContent={"inputTranscription": {"text": "I want to invest."}})
        await changing
        last = call.server.connections[-1]
        await call.provider.send_audio(call.session, SPEECH)
        await last.until(lambda it: it.audio)
        assert (call.told.finals, last.handle) == ([("user", "I want to invest.")], "handle-1")
        assert last.of("client_content") == []


async def test_a_defect_of_ours_in_reading_is_reported_as_what_it_is_and_the_call_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = LiveNormaliser.feed

    def feed(self: LiveNormaliser, message: Any) -> Any:
        if message.go_away is not None:
            raise TypeError("a defect of ours")
        return whole(self, message)

    monkeypatch.setattr(LiveNormaliser, "feed", feed)
    async with calling(world) as call:
        first = await call.connect(voice="Aoede")
        await first.say(goAway={"timeLeft": "60s"})
        second = await call.server.connection(1)
        await second.speak(bytes(960))
        await call.told.until(lambda it: it.of("audio"))
        ((code, message),) = call.told.of("error")
        assert code == "internal_error"
        assert "TypeError: a defect of ours" in message
        assert call.told.steps == ["opened", "lost", "reconnecting", "fresh"]
