"""Events that the application posts in the name of a channel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.core.event_router import ROUTED_TO
from roomkit_sim.core.framework import ChannelNotFoundError, RoomKit, RoomNotFoundError
from roomkit_sim.errors import RoomError
from roomkit_sim.models import (
    ChannelOutput,
    EventStatus,
    EventType,
    FrameworkEvent,
    HookResult,
    HookTrigger,
    Observation,
    RoomContext,
    RoomEvent,
    TextContent,
)
from roomkit_sim.models.enums import ChannelDirection

HELLO = TextContent(body="hello")


async def test_it_is_stored_and_delivered_to_the_others(kit: RoomKit, people: Any, join: Any, make_probe: Any) -> None:
    desk = await join(make_probe("desk"))
    event = await kit.send_event(
        room_id="r",
        channel_id="people",
        content=HELLO,
        event_type=EventType.SYSTEM,
        participant_id="ann",
        metadata={"handoff": True},
        provider="mock",
    )
    stored = await kit.store.get_event(event.id)
    assert stored == event
    assert (event.type, event.status, event.metadata) == (EventType.SYSTEM, EventStatus.DELIVERED, {"handoff": True})
    source = event.source
    assert (source.direction, source.participant_id, source.provider) == (ChannelDirection.OUTBOUND, "ann", "mock")
    assert desk.heard == ["hello"]
    assert people.heard == []


async def test_it_asks_no_agent_since_an_answer_would_have_no_place(
    kit: RoomKit, people: Any, join: Any, make_agent: Any
) -> None:
    first, second = await join(make_agent("first", "hi")), await join(make_agent("second", "hi"))
    await kit.send_event("r", "people", HELLO)
    assert (first.read, second.read) == ([], [])


async def test_it_is_shown_to_the_one_agent_to_whom_it_is_addressed(
    kit: RoomKit, people: Any, join: Any, make_agent: Any, said: Any
) -> None:
    first, second = await join(make_agent("first", "hi")), await join(make_agent("second", "hi"))
    await kit.send_event("r", "people", HELLO, metadata={ROUTED_TO: "second"})
    assert (first.read, second.read) == ([], ["hello"])
    assert await said() == ["hello"]


async def test_it_passes_no_hook_before_and_is_observed_after(kit: RoomKit, people: Any) -> None:
    seen: list[str] = []

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def block(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.block("never")

    @kit.hook(HookTrigger.AFTER_BROADCAST)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        seen.append(getattr(event.content, "body", ""))

    event = await kit.send_event("r", "people", HELLO)
    assert event.status is EventStatus.DELIVERED
    assert seen == ["hello"]


async def test_observers_may_post_themselves(kit: RoomKit, people: Any, said: Any) -> None:
    @kit.hook(HookTrigger.AFTER_BROADCAST)
    async def answer(event: RoomEvent, context: RoomContext) -> None:
        if event.content == HELLO:
            await kit.send_event("r", "people", TextContent(body="seen"))

    await kit.send_event("r", "people", HELLO)
    assert await said() == ["hello", "seen"]


async def test_observers_of_what_is_posted_by_the_holder_of_a_room_do_not_keep_him_in_it(
    kit: RoomKit, people: Any
) -> None:
    release = asyncio.Event()
    seen: list[str] = []

    @kit.hook(HookTrigger.AFTER_BROADCAST)
    async def wait(event: RoomEvent, context: RoomContext) -> None:
        await release.wait()
        seen.append("broadcast")

    @kit.hook(HookTrigger.ON_ERROR)
    async def wait_too(event: RoomEvent, context: RoomContext) -> None:
        await release.wait()
        seen.append("error")

    async with asyncio.timeout(5), kit.lock_manager.locked("r"):
        await kit.send_event("r", "people", HELLO)
        await kit.report_error("somewhere", LookupError("broken"), room_id="r")
    assert seen == []
    release.set()
    await kit.background.drain()
    assert seen == ["broadcast", "error"]


async def test_a_channel_outside_the_room_cannot_post(kit: RoomKit, make_probe: Any, said: Any) -> None:
    kit.register_channel(make_probe("stranger"))
    with pytest.raises(ChannelNotFoundError, match="attach_channel"):
        await kit.send_event("r", "stranger", HELLO)
    assert await said() == []


async def test_nothing_can_be_posted_to_a_room_that_is_not_there(kit: RoomKit) -> None:
    with pytest.raises(RoomNotFoundError):
        await kit.send_event("nowhere", "people", HELLO)


async def test_nothing_can_be_posted_to_a_closed_room(kit: RoomKit, people: Any, said: Any) -> None:
    await kit.close_room("r")
    with pytest.raises(RoomError, match="closed"):
        await kit.send_event("r", "people", HELLO)
    assert await said() == []


async def test_what_a_muted_channel_posts_reaches_nobody(kit: RoomKit, people: Any, join: Any, make_probe: Any) -> None:
    desk = await join(make_probe("desk"))
    await kit.mute("r", "people")
    await kit.send_event("r", "people", HELLO)
    assert desk.heard == []


async def test_a_channel_that_fails_to_deliver_it_is_reported_and_the_event_stays(
    kit: RoomKit, people: Any, join: Any, make_probe: Any, said: Any
) -> None:
    errors: list[FrameworkEvent] = []
    kit.on("error")(errors.append)

    def fail(event: RoomEvent) -> ChannelOutput:
        raise LookupError("line down")

    await join(make_probe("desk", react=fail))
    await kit.send_event("r", "people", HELLO)
    assert [(error.channel_id, error.data["message"]) for error in errors] == [("desk", "line down")]
    assert await said() == ["hello"]


async def test_what_channels_notice_in_it_is_kept(kit: RoomKit, people: Any, join: Any, make_probe: Any) -> None:
    seen = Observation(room_id="r", channel_id="desk", content="angry")
    await join(make_probe("desk", react=lambda event: ChannelOutput(observations=[seen])))
    await kit.send_event("r", "people", HELLO)
    assert await kit.store.list_observations("r") == [seen]


async def test_the_returned_event_is_a_copy(kit: RoomKit, people: Any) -> None:
    event = await kit.send_event("r", "people", HELLO)
    event.metadata["changed"] = True
    stored = await kit.store.get_event(event.id)
    assert stored is not None
    assert stored.metadata == {}
