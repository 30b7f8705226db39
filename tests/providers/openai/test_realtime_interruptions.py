"""What the model says is cut off."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.sim.world.world import World
from tests.providers.openai.realtime_service import calling, ms

pytestmark = pytest.mark.sim


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


async def test_what_still_comes_of_an_answer_that_we_cancelled_is_for_nobody(world: World) -> None:
    """It was on its way when the service learned of it; the model is told that nobody heard it."""
    async with calling(world) as call:
        served = await call.connect()
        await served.begin("r1")
        await served.speak("r1", "a1", ms(300))
        await call.told.until(lambda it: it.of("audio"))
        await call.provider.interrupt(call.session)
        for _ in range(3):
            await served.speak("r1", "a1", ms(300))
        await served.until(lambda it: it.of("conversation.item.truncate"))
        await served.done("r1", "cancelled", reason="client_cancelled")
        await served.answer("r2", "Yes?", ms(100))
        await call.told.until(lambda it: ("assistant", "Yes?") in it.finals)
        assert [len(audio) for (audio,) in call.told.of("audio")] == [len(ms(300)), len(ms(100))]
        (cut,) = served.of("conversation.item.truncate")
        assert (cut["item_id"], cut["content_index"], cut["audio_end_ms"]) == ("a1", 0, 300)


async def test_an_answer_that_is_cancelled_before_it_was_heard_leaves_nothing_to_cut(world: World) -> None:
    async with calling(world) as call:
        served = await call.connect()
        await served.answer("r0", "Hello", ms(300))
        await served.begin("r1")
        await call.told.until(lambda it: len(it.of("response_start")) == 2)
        await call.provider.interrupt(call.session)
        await served.until(lambda it: it.of("response.cancel"))
        await served.speak("r1", "a1", ms(300))
        await served.done("r1", "cancelled", reason="client_cancelled")
        await call.told.until(lambda it: len(it.of("response_end")) == 2)
        assert served.of("conversation.item.truncate") == []
        assert len(call.told.of("audio")) == 1


async def test_an_answer_that_the_caller_cut_off_is_not_made_longer_when_it_is_cancelled(world: World) -> None:
    """The service refuses to cut an item where it has ended already."""
    async with calling(world) as call:
        served = await call.connect()
        await served.begin("r1")
        await served.speak("r1", "a1", ms(1000))
        await call.told.until(lambda it: it.of("audio"))
        call.provider.on_speech_start(lambda session: asyncio.ensure_future(call.provider.truncate(session, 600.0)))
        await served.say("input_audio_buffer.speech_started", item_id="u1")
        await served.until(lambda it: it.of("conversation.item.truncate"))
        await call.provider.interrupt(call.session)
        await call.provider.send_event(call.session, {"type": "input_audio_buffer.clear"})
        await served.until(lambda it: it.of("input_audio_buffer.clear"))
        assert [cut["audio_end_ms"] for cut in served.of("conversation.item.truncate")] == [400]
