"""Channels come into rooms, leave them, and change what they may do there."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.core.framework import ChannelNotFoundError, ChannelNotRegisteredError, RoomKit, RoomNotFoundError
from roomkit_sim.models import (
    Access,
    ChannelCategory,
    ChannelType,
    EventType,
    FrameworkEvent,
    HookTrigger,
    RoomContext,
    RoomEvent,
)


async def kinds(kit: RoomKit) -> list[tuple[EventType, str]]:
    return [(event.type, event.source.channel_id) for event in await kit.store.list_events("r")]


async def test_a_binding_takes_what_is_not_said_from_the_channel_itself(
    kit: RoomKit, make_probe: Any, make_agent: Any
) -> None:
    for channel in (make_probe("chat"), make_agent("bot")):
        kit.register_channel(channel)
    chat = await kit.attach_channel("r", "chat")
    bot = await kit.attach_channel("r", "bot")
    assert (chat.category, chat.channel_type) == (ChannelCategory.TRANSPORT, ChannelType.WEBSOCKET)
    assert (bot.category, bot.channel_type) == (ChannelCategory.INTELLIGENCE, ChannelType.AI)
    assert (bot.access, bot.visibility, bot.muted) == (Access.READ_WRITE, "all", False)
    assert await kit.store.get_binding("r", "bot") == bot


async def test_what_is_said_goes_before_what_the_channel_is(kit: RoomKit, make_agent: Any) -> None:
    kit.register_channel(make_agent("bot"))
    binding = await kit.attach_channel(
        "r",
        "bot",
        category=ChannelCategory.INTEGRATION,
        access=Access.READ_ONLY,
        visibility="none",
        metadata={"address": "+1"},
        participant_id="ann",
    )
    assert binding.category is ChannelCategory.INTEGRATION
    assert (binding.access, binding.visibility) == (Access.READ_ONLY, "none")
    assert (binding.metadata, binding.participant_id) == ({"address": "+1"}, "ann")


async def test_an_unknown_channel_or_room_cannot_be_attached(kit: RoomKit, make_probe: Any) -> None:
    with pytest.raises(ChannelNotRegisteredError, match="register_channel"):
        await kit.attach_channel("r", "ghost")
    kit.register_channel(make_probe("chat"))
    with pytest.raises(RoomNotFoundError):
        await kit.attach_channel("nowhere", "chat")


async def test_coming_and_going_is_noted_in_the_timeline_where_nobody_is_shown_it(
    kit: RoomKit, join: Any, make_probe: Any, people: Any
) -> None:
    await join(make_probe("desk"))
    assert await kit.detach_channel("r", "desk") is True
    assert await kit.detach_channel("r", "desk") is False
    assert await kinds(kit) == [
        (EventType.CHANNEL_ATTACHED, "people"),
        (EventType.CHANNEL_ATTACHED, "desk"),
        (EventType.CHANNEL_DETACHED, "desk"),
    ]
    assert people.heard == []
    assert people.read == []
    assert {event.visibility for event in await kit.store.list_events("r")} == {"internal"}


async def test_coming_and_going_runs_hooks_and_is_told(kit: RoomKit, join: Any, make_probe: Any) -> None:
    hooked: list[str] = []
    told: list[FrameworkEvent] = []
    kit.on("*")(told.append)
    for trigger in HookTrigger:

        @kit.hook(trigger)
        async def note(event: RoomEvent, context: RoomContext, trigger: HookTrigger = trigger) -> None:
            hooked.append(trigger.value)

    await join(make_probe("desk"))
    await kit.mute("r", "desk")
    await kit.unmute("r", "desk")
    await kit.detach_channel("r", "desk")
    assert hooked == ["on_channel_attached", "on_channel_muted", "on_channel_unmuted", "on_channel_detached"]
    assert [(event.type, event.channel_id) for event in told] == [
        ("room_channel_attached", "desk"),
        ("room_channel_detached", "desk"),
    ]


async def test_a_muted_channel_listens_and_does_not_speak_until_it_is_unmuted(
    kit: RoomKit, say: Any, people: Any, join: Any, make_agent: Any
) -> None:
    bot = await join(make_agent("bot", "hi"))
    await kit.mute("r", "bot")
    await say("one")
    assert (bot.read, people.heard) == (["one"], [])
    await kit.unmute("r", "bot")
    await say("two")
    assert (bot.read, people.heard) == (["one", "two"], ["hi"])


async def test_access_can_be_changed(kit: RoomKit, say: Any, join: Any, make_probe: Any) -> None:
    desk = await join(make_probe("desk"))
    await kit.set_access("r", "desk", Access.WRITE_ONLY)
    await say("one")
    await kit.set_access("r", "desk", Access.READ_ONLY)
    await say("two")
    assert desk.heard == ["two"]


@pytest.mark.parametrize("change", ["mute", "unmute", "set_access", "set_visibility"])
async def test_a_channel_outside_the_room_cannot_be_changed(change: str, kit: RoomKit, make_probe: Any) -> None:
    kit.register_channel(make_probe("stranger"))
    values: dict[str, list[str]] = {"set_access": [Access.NONE], "set_visibility": ["none"]}
    with pytest.raises(ChannelNotFoundError, match="'stranger'"):
        await getattr(kit, change)("r", "stranger", *values.get(change, []))


async def test_a_detached_channel_hears_nothing_more(kit: RoomKit, say: Any, join: Any, make_probe: Any) -> None:
    desk = await join(make_probe("desk"))
    await kit.detach_channel("r", "desk")
    await say("hello")
    assert desk.heard == []
