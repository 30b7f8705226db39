"""Calls that come in as messages."""

from __future__ import annotations

import pytest

from roomkit_sim.models.enums import EventType, HookTrigger
from roomkit_sim.models.hook import HookResult
from roomkit_sim.voice.inbound import parse_voice_session

pytestmark = pytest.mark.sim


async def test_a_call_that_comes_in_gets_a_room_and_is_answered_there(call):
    session = await call.backend.connect("", "caller-2", "voice")
    result = await call.kit.process_inbound(parse_voice_session(session), room_id="call-1")
    assert not result.blocked
    assert result.event.type is EventType.SYSTEM
    assert session in call.voice.get_room_sessions("call-1")
    await call.speak(400, session=session)
    await call.be_silent(600, session=session)
    await call.answer_played()
    assert ("voice", "I want to invest.") in await call.timeline()
    assert len(call.model.calls) == 1


async def test_a_call_that_a_hook_blocks_is_not_connected(call):
    @call.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def closed(event, context):
        return HookResult.block("out of hours")

    session = await call.backend.connect("", "caller-2", "voice")
    result = await call.kit.process_inbound(parse_voice_session(session, channel_id="voice"), room_id="call-1")
    assert (result.blocked, result.reason) == (True, "out of hours")
    assert call.voice.get_room_sessions("call-1") == [call.session]


async def test_words_for_a_room_to_which_the_channel_is_not_attached_are_reported_as_lost(call):
    await call.kit.create_room("elsewhere")
    call.session = await call.voice.start_session("elsewhere", "caller-2", None)
    await call.ask()
    await call.answer_played()
    [error] = call.errors
    assert (error["where"], error["exception"]) == ("what the caller said", "ChannelNotFoundError")
    assert "'voice' is not attached to room 'elsewhere': call attach_channel()" in error["message"]
    assert call.model.calls == []
