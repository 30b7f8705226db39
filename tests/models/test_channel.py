"""Channels as they stand in rooms."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from roomkit_sim.models import ChannelBinding, ChannelOutput, ChannelType, Room, RoomContext
from roomkit_sim.models.channel import RetryPolicy


def binding(channel_id: str, channel_type: ChannelType = ChannelType.SMS) -> ChannelBinding:
    return ChannelBinding(channel_id=channel_id, room_id="r", channel_type=channel_type)


def test_pauses_between_retries_grow_up_to_a_limit() -> None:
    policy = RetryPolicy(base_delay_seconds=1, exponential_base=3, max_delay_seconds=20)
    assert [policy.delay_seconds(attempt) for attempt in range(5)] == [1, 3, 9, 20, 20]


@pytest.mark.parametrize("field", ["base_delay_seconds", "max_delay_seconds", "exponential_base", "max_retries"])
def test_a_retry_policy_that_makes_no_sense_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        RetryPolicy.model_validate({field: -1})


def test_a_context_finds_bindings_by_channel_and_by_type() -> None:
    sms, chat = binding("sms"), binding("chat", ChannelType.WEBSOCKET)
    context = RoomContext(room=Room(id="r"), bindings=[sms, chat])
    assert context.get_binding("chat") == chat
    assert context.get_binding("other") is None
    assert context.other_channels("chat") == [sms]
    assert context.channels_by_type(ChannelType.WEBSOCKET) == [chat]


def test_outputs_do_not_share_their_lists() -> None:
    first, second = ChannelOutput.empty(), ChannelOutput.empty()
    first.tasks.append(None)  # type: ignore[arg-type]
    assert second.tasks == []
    assert not second.responded
