"""The way of a message from outside into its room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.core.framework import ChannelNotRegisteredError, RoomKit, RoomNotFoundError
from roomkit_sim.core.inbound_router import DefaultInboundRoomRouter, InboundRoomRouter
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.identity.mock import MockIdentityResolver
from roomkit_sim.models import (
    EventStatus,
    FrameworkEvent,
    HookExecution,
    HookResult,
    HookTrigger,
    Identity,
    InboundMessage,
    RoomContext,
    RoomEvent,
    SessionStartedEvent,
    TextContent,
)
from roomkit_sim.store.memory import InMemoryStore


def message(body: str = "hello", channel_id: str = "people", **fields: Any) -> InboundMessage:
    return InboundMessage(channel_id=channel_id, sender_id="ann", content=TextContent(body=body), **fields)


async def test_a_message_is_stored_delivered_to_others_and_returned(
    say: Any, people: Any, join: Any, make_probe: Any
) -> None:
    desk = await join(make_probe("desk"))
    result = await say("hello", external_id="x1", metadata={"lang": "en"})
    assert not result.blocked
    assert result.event.status is EventStatus.DELIVERED
    assert (result.event.source.participant_id, result.event.source.external_id) == ("ann", "x1")
    assert result.event.metadata == {"lang": "en"}
    assert desk.heard == ["hello"]
    assert people.heard == []


async def test_a_message_of_an_unknown_channel_is_an_error_of_the_caller(kit: RoomKit) -> None:
    with pytest.raises(ChannelNotRegisteredError, match="register_channel"):
        await kit.process_inbound(message(channel_id="ghost"))


async def test_a_message_to_an_unknown_room_is_an_error_of_the_caller(kit: RoomKit, people: Any) -> None:
    with pytest.raises(RoomNotFoundError, match="nowhere"):
        await kit.process_inbound(message(), room_id="nowhere")


async def test_an_empty_room_id_is_a_room_that_there_is_not(kit: RoomKit, people: Any) -> None:
    with pytest.raises(RoomNotFoundError, match="no room ''"):
        await kit.process_inbound(message(), room_id="")
    assert len(await kit.store.list_rooms()) == 1


async def test_observers_are_told_what_entered_the_room_although_who_brought_it_is_cancelled(
    kit: RoomKit, people: Any, join: Any, make_probe: Any
) -> None:
    observed: list[str] = []
    desk, thinks = await join(make_probe("desk")), asyncio.Event()

    async def think(*given: Any) -> Any:
        thinks.set()
        await asyncio.Event().wait()

    desk.on_event = think

    @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def mirror(event: RoomEvent, context: RoomContext) -> None:
        observed.append(event.content.body)

    bringing = asyncio.create_task(kit.process_inbound(message("hello"), room_id="r"))
    await thinks.wait()
    bringing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bringing
    await kit.background.drain()
    assert observed == ["hello"]


async def test_a_message_of_a_detached_channel_stays_out_of_the_room(kit: RoomKit, say: Any, said: Any) -> None:
    await kit.detach_channel("r", "people")
    result = await say("am I still here?")
    assert (result.blocked, result.reason) == (True, "channel_not_attached")
    assert await said() == []
    assert await kit.store.get_binding("r", "people") is None


async def test_a_closed_room_takes_no_message(kit: RoomKit, say: Any, said: Any) -> None:
    await kit.close_room("r")
    result = await say("hello?")
    assert (result.blocked, result.reason) == (True, "room_closed")
    assert await said() == []


async def test_a_message_that_waited_while_its_room_was_closed_is_refused(
    kit: RoomKit, say: Any, said: Any, pause: Any
) -> None:
    async with kit.lock_manager.locked("r"):
        kit.background.spawn(kit.close_room("r"), name="close")
        await pause()
        results: list[Any] = []

        async def write() -> None:
            results.append(await say("too late"))

        kit.background.spawn(write(), name="write")
        await pause()
    await kit.background.drain()
    [result] = results
    assert (result.blocked, result.reason) == (True, "room_closed")
    assert await said() == []


async def test_a_message_that_comes_twice_is_taken_once(say: Any, said: Any) -> None:
    assert not (await say("hello", idempotency_key="k")).blocked
    result = await say("hello", idempotency_key="k")
    assert (result.blocked, result.reason) == (True, "duplicate")
    assert await said() == ["hello"]


async def test_a_message_that_comes_twice_at_once_is_taken_once(say: Any, said: Any) -> None:
    results = await asyncio.gather(*(say("hello", idempotency_key="k") for _ in range(5)))
    assert sorted(result.blocked for result in results) == [False, True, True, True, True]
    assert await said() == ["hello"]


async def test_the_same_key_in_another_room_is_another_message(kit: RoomKit, say: Any, said: Any) -> None:
    await kit.create_room("other")
    await kit.attach_channel("other", "people")
    await say("hello", idempotency_key="k")
    assert not (await say("hello", idempotency_key="k", room_id="other")).blocked
    assert await said("other") == ["hello"]


async def test_a_blocked_message_is_kept_as_blocked_and_reaches_nobody(
    kit: RoomKit, say: Any, join: Any, make_probe: Any
) -> None:
    desk = await join(make_probe("desk"))
    told: list[FrameworkEvent] = []
    kit.on("event_blocked")(told.append)

    @kit.hook(HookTrigger.BEFORE_BROADCAST, name="moderation")
    async def block(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.block("too rude")

    result = await say("!!!")
    assert (result.blocked, result.reason) == (True, "too rude")
    stored = await kit.store.get_event(result.event.id)
    assert stored is not None
    assert (stored.status, stored.blocked_by) == (EventStatus.BLOCKED, "moderation")
    assert desk.heard == []
    assert [event.data for event in told] == [{"event_id": stored.id, "blocked_by": "moderation"}]


async def test_a_changed_message_is_stored_and_delivered_as_changed(
    kit: RoomKit, say: Any, join: Any, make_probe: Any, said: Any
) -> None:
    desk = await join(make_probe("desk"))

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def redact(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.modify(event.model_copy(update={"content": TextContent(body="***")}))

    result = await say("my card is 4111")
    assert desk.heard == ["***"]
    assert await said() == ["***"]
    assert result.event.content == TextContent(body="***")


async def test_a_message_gives_up_when_its_room_stays_occupied(pause: Any, make_probe: Any) -> None:
    kit = RoomKit(process_timeout=0.01)
    await kit.create_room("r")
    kit.register_channel(make_probe("people"))
    await kit.attach_channel("r", "people")
    async with kit.lock_manager.locked("r"):
        results: list[Any] = []

        async def write() -> None:
            results.append(await kit.process_inbound(message(), room_id="r"))

        await kit.background.spawn(write(), name="write")
    [result] = results
    assert (result.blocked, result.reason, result.event) == (True, "process_timeout", None)
    assert not (await kit.process_inbound(message(), room_id="r")).blocked


async def test_a_slow_broadcast_is_not_cut_off_by_the_timeout_of_waiting(make_probe: Any, pause: Any) -> None:
    kit = RoomKit(process_timeout=0.01)
    await kit.create_room("r")
    people, desk = make_probe("people"), make_probe("desk")
    for channel in (people, desk):
        kit.register_channel(channel)
        await kit.attach_channel("r", channel.channel_id)
    overdue = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, overdue.set)

    async def deliver_slowly(event: RoomEvent, *rest: Any) -> None:
        await overdue.wait()
        desk.delivered.append(event)

    desk.deliver = deliver_slowly
    result = await kit.process_inbound(message(), room_id="r")
    assert not result.blocked
    assert desk.heard == ["hello"]


async def test_a_store_that_fails_is_an_error_of_the_caller_and_leaves_the_room_free(make_probe: Any) -> None:
    class FailingOnce(InMemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.failures = [LookupError("disk full")]

        async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
            if event.source.participant_id is not None and self.failures:
                raise self.failures.pop()
            return await super().add_event_auto_index(room_id, event)

    kit = RoomKit(store=FailingOnce(), process_timeout=0.01)
    await kit.create_room("r")
    kit.register_channel(make_probe("people"))
    await kit.attach_channel("r", "people")
    with pytest.raises(LookupError):
        await kit.process_inbound(message("one"), room_id="r")
    assert not (await kit.process_inbound(message("two"), room_id="r")).blocked


async def test_an_observer_that_does_not_end_keeps_no_message_waiting(kit: RoomKit, say: Any, pause: Any) -> None:
    release = asyncio.Event()

    @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def wait(event: RoomEvent, context: RoomContext) -> None:
        if event.content == TextContent(body="first"):
            await release.wait()

    first = asyncio.create_task(say("first"))
    await pause()
    assert not (await say("second")).blocked
    assert not first.done()
    release.set()
    assert not (await first).blocked


async def test_an_error_hook_that_does_not_end_keeps_no_message_waiting(
    kit: RoomKit, say: Any, join: Any, pause: Any
) -> None:
    from roomkit_sim.channels.ai import AIChannel
    from roomkit_sim.providers.ai.mock import MockAIProvider

    class FailingOnce(MockAIProvider):
        async def generate(self, context: Any) -> Any:
            response = await super().generate(context)
            if len(self.calls) == 1:
                raise LookupError("model down")
            return response

    await join(AIChannel("bot", FailingOnce(["fine"])))
    release = asyncio.Event()

    @kit.hook(HookTrigger.ON_ERROR, execution=HookExecution.ASYNC)
    async def wait(event: RoomEvent, context: RoomContext) -> None:
        await release.wait()

    first = asyncio.create_task(say("first"))
    await pause()
    assert not (await say("second")).blocked
    assert not first.done()
    release.set()
    await first


async def test_a_handler_of_blocked_events_that_does_not_end_keeps_no_message_waiting(
    kit: RoomKit, say: Any, pause: Any
) -> None:
    release = asyncio.Event()

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def block(event: RoomEvent, context: RoomContext) -> HookResult:
        rude = event.content == TextContent(body="!!!")
        return HookResult.block("rude") if rude else HookResult.allow()

    @kit.on("event_blocked")
    async def wait(event: FrameworkEvent) -> None:
        await release.wait()

    first = asyncio.create_task(say("!!!"))
    await pause()
    assert not (await say("hello")).blocked
    release.set()
    assert (await first).blocked


# Which room


async def test_a_message_without_a_room_goes_to_the_one_of_its_channel(say: Any, said: Any) -> None:
    await say("hello", room_id=None)
    assert await said() == ["hello"]


async def test_the_first_message_of_a_channel_opens_a_room_and_begins_a_session(make_probe: Any) -> None:
    kit = RoomKit()
    kit.register_channel(make_probe("people"))
    started: list[SessionStartedEvent] = []

    @kit.hook(HookTrigger.ON_SESSION_STARTED)
    async def note(event: SessionStartedEvent, context: RoomContext) -> None:
        started.append(event)

    first = (await kit.process_inbound(message("one"))).event
    second = (await kit.process_inbound(message("two"))).event
    assert first is not None
    assert second is not None
    assert first.room_id == second.room_id
    assert started == [SessionStartedEvent(first.room_id, "people")]


async def test_the_first_messages_of_a_channel_arriving_at_once_share_one_room(make_probe: Any) -> None:
    kit = RoomKit()
    kit.register_channel(make_probe("people"))

    @kit.hook(HookTrigger.ON_ROOM_CREATED)
    async def take_a_while(event: RoomEvent, context: RoomContext) -> None:
        await asyncio.sleep(0)

    results = await asyncio.gather(*(kit.process_inbound(message(str(n))) for n in range(5)))
    assert not any(result.blocked for result in results)
    assert len({result.event.room_id for result in results if result.event is not None}) == 1


async def test_a_room_that_is_being_begun_keeps_no_other_waiting_and_its_own_messages_come_after(
    make_probe: Any, pause: Any
) -> None:
    rooms = {"bob": "bobs"}

    class BySender(InboundRoomRouter):
        async def route(self, message: InboundMessage) -> str | None:
            return rooms.get(message.sender_id)

    kit, go, done = RoomKit(inbound_router=BySender()), asyncio.Event(), list[str]()
    kit.register_channel(make_probe("people"))
    await kit.create_room("bobs")
    await kit.attach_channel("bobs", "people")

    @kit.hook(HookTrigger.ON_SESSION_STARTED, execution=HookExecution.ASYNC)
    async def greet(event: SessionStartedEvent, context: RoomContext) -> None:
        rooms["ann"] = event.room_id
        await go.wait()
        await write("greeting", sender_id="ann")

    async def write(body: str, sender_id: str) -> None:
        said = message(body).model_copy(update={"sender_id": sender_id})
        result = await kit.process_inbound(said)
        assert not result.blocked
        done.append(body)

    async with asyncio.timeout(5):
        first = asyncio.create_task(write("first", "ann"))
        await pause()
        second = asyncio.create_task(write("second", "ann"))
        await pause()
        await write("another room", "bob")
        assert done == ["another room"]
        go.set()
        await asyncio.gather(first, second)
    assert done[:2] == ["another room", "greeting"]
    assert len(await kit.store.list_rooms()) == 2


async def test_a_message_that_fits_several_rooms_enters_none(kit: RoomKit, say: Any, said: Any) -> None:
    await kit.create_room("other")
    await kit.attach_channel("other", "people")
    result = await say("whose room is this?", room_id=None)
    assert result.blocked
    assert "2 active rooms" in (result.reason or "")
    assert await said() == []
    assert await said("other") == []


async def test_closed_rooms_are_not_found_for_a_message(kit: RoomKit, say: Any) -> None:
    await kit.close_room("r")
    result = await say("hello", room_id=None)
    assert result.event.room_id != "r"


async def test_the_default_router_names_the_way_out_of_ambiguity() -> None:
    from roomkit_sim.models import ChannelBinding, ChannelType, Room

    store = InMemoryStore()
    for room_id in ("a", "b"):
        await store.create_room(Room(id=room_id))
        await store.add_binding(
            ChannelBinding(channel_id="people", room_id=room_id, channel_type=ChannelType.WEBSOCKET)
        )
    with pytest.raises(ConfigurationError, match="room_id="):
        await DefaultInboundRoomRouter(store).route(message())
    assert await DefaultInboundRoomRouter(store).route(message(channel_id="other")) is None


async def test_the_applications_own_router_chooses_the_room(make_probe: Any) -> None:
    class ByThread(InboundRoomRouter):
        async def route(self, message: InboundMessage) -> str | None:
            return message.thread_id

    kit = RoomKit(inbound_router=ByThread())
    kit.register_channel(make_probe("people"))
    for room_id in ("a", "b"):
        await kit.create_room(room_id)
        await kit.attach_channel(room_id, "people")
    result = await kit.process_inbound(message(thread_id="b"))
    assert result.event is not None
    assert result.event.room_id == "b"


# Who


async def kit_that_asks(resolver: Any, make_probe: Any) -> RoomKit:
    kit = RoomKit(identity_resolver=resolver, identity_timeout=0.01)
    await kit.create_room("r")
    kit.register_channel(make_probe("people"))
    await kit.attach_channel("r", "people")
    return kit


async def test_a_known_sender_is_named_on_the_event(make_probe: Any) -> None:
    resolver = MockIdentityResolver({"ann": Identity(id="person-1")})
    kit = await kit_that_asks(resolver, make_probe)
    result = await kit.process_inbound(message(metadata={"lang": "en"}), room_id="r")
    assert result.event is not None
    assert result.event.metadata == {"lang": "en", "identity_id": "person-1"}
    assert resolver.asked == ["ann"]


async def test_an_unknown_sender_is_let_in_without_a_name(make_probe: Any) -> None:
    kit = await kit_that_asks(MockIdentityResolver(), make_probe)
    result = await kit.process_inbound(message(), room_id="r")
    assert result.event is not None
    assert "identity_id" not in result.event.metadata


@pytest.mark.parametrize("how", ["raises", "hangs"])
async def test_a_resolver_that_fails_is_reported_and_the_message_goes_on(how: str, make_probe: Any) -> None:
    class Broken(MockIdentityResolver):
        async def resolve(self, message: InboundMessage) -> Any:
            if how == "raises":
                raise LookupError("directory down")
            await asyncio.Event().wait()

    kit = await kit_that_asks(Broken(), make_probe)
    errors: list[FrameworkEvent] = []
    kit.on("error")(errors.append)
    result = await kit.process_inbound(message(), room_id="r")
    assert not result.blocked
    assert [error.data["where"] for error in errors] == ["identity resolver"]
