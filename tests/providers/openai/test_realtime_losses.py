"""Connections that are lost, or end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.errors import ProviderError, SessionNotFoundError
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSessionState
from tests.providers.openai.realtime_service import TOOL, Served, calling, reconfigured_beside

pytestmark = pytest.mark.sim


async def test_a_result_for_a_connection_that_is_gone_is_refused(world: World) -> None:
    async with calling(world) as call:
        first = await call.connect(tools=[TOOL])
        await first.call("r1", ("c1", "look_up", "{}"))
        await call.told.until(lambda it: it.of("tool_call"))
        await first.socket.close(1011)
        await call.told.until(lambda it: it.steps[-1] in ("fresh", "reseeded"))
        with pytest.raises(ProviderError, match="c1"):
            await call.provider.submit_tool_result(call.session, "c1", "{}")


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


async def test_the_end_of_the_session_is_not_forestalled_between_the_callers_words_and_their_answer(
    world: World,
) -> None:
    async with calling(world, go_away_notice_s=120.0, transcript_wait_s=60.0) as call:
        call.service.lasts_s = 1000.0
        first = await call.connect(voice="marin")
        await asyncio.sleep(870)
        await first.say("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
        await asyncio.sleep(15)
        await first.say("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=900)
        await first.say("input_audio_buffer.committed", item_id="u1")
        await asyncio.sleep(5)
        assert call.told.steps == ["opened", "go_away"]
        await first.heard("u1", "I want bonds")
        await first.answer("r1", "Certainly")
        await call.told.until(lambda it: it.steps[-1] == "reseeded")
        second = await call.service.connection(1)
        assert [item["content"][0]["text"] for item in second.items] == ["I want bonds", "Certainly"]


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


async def test_an_answer_that_is_cancelled_is_not_waited_for_on_a_connection_that_is_lost(world: World) -> None:
    async with calling(world, response_wait_s=3.0) as call:
        first = await call.connect(voice="marin")
        await first.begin("r1")
        await call.told.until(lambda it: it.of("response_start"))
        changing = asyncio.create_task(call.provider.reconfigure(call.session, system_prompt="Advise"))
        await first.until(lambda it: it.of("response.cancel"))
        began_ns = world.now_ns
        first.socket.transport.abort()
        await changing
        assert (await call.service.connection(1)).prompt == "Advise"
        assert world.now_ns - began_ns < 1_000_000_000


async def test_a_configuration_whose_acknowledgement_is_lost_costs_a_handoff_one_short_deadline(world: World) -> None:
    async with calling(world, replace_timeout_s=2.0) as call:
        first = await call.connect(voice="marin")
        await first.answer("r0", "Hello")
        await call.told.until(lambda it: it.of("response_end"))

        async def lose_one(served: Served, update: dict[str, Any]) -> None:
            if served.number != 2:
                await call.service.accept(served, update)

        call.service.on_update = lose_one
        began_ns = world.now_ns
        await call.provider.reconfigure(call.session, voice="cedar")
        assert 2_000_000_000 <= world.now_ns - began_ns < 3_500_000_000
        third = await call.service.connection(2)
        assert (call.service.dials, third.voice) == (3, "cedar")
