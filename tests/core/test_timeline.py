"""Replies, their limits, what hooks add, and the order of it all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.channels.ai import AIChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import StoreError
from roomkit_sim.models import (
    ChannelBinding,
    ChannelOutput,
    EventSource,
    EventStatus,
    FrameworkEvent,
    HookExecution,
    HookResult,
    HookTrigger,
    InboundMessage,
    InjectedEvent,
    Observation,
    RoomContext,
    RoomEvent,
    Task,
    TextContent,
)
from roomkit_sim.models.enums import Access, ChannelType
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.store.memory import InMemoryStore


def notice(body: str = "please be kind", **fields: Any) -> RoomEvent:
    source = EventSource(channel_id="system", channel_type=ChannelType.SYSTEM)
    return RoomEvent(room_id="r", source=source, content=TextContent(body=body), **fields)


class SlowStore(InMemoryStore):
    """A store that lets other tasks run in the middle of everything, as a database does."""

    async def get_room(self, room_id: str) -> Any:
        await asyncio.sleep(0)
        return await super().get_room(room_id)

    async def list_bindings(self, room_id: str) -> list[ChannelBinding]:
        await asyncio.sleep(0)
        return await super().list_bindings(room_id)

    async def add_event_auto_index(self, room_id: str, event: RoomEvent) -> RoomEvent:
        await asyncio.sleep(0)
        stored = await super().add_event_auto_index(room_id, event)
        await asyncio.sleep(0)
        return stored


async def test_a_reply_is_stored_and_delivered_one_step_deeper(
    kit: RoomKit, say: Any, people: Any, join: Any, make_agent: Any
) -> None:
    await join(make_agent("bot", "hi there"))
    asked = (await say("hello")).event
    events = await kit.store.recent_events("r", 2)
    assert [getattr(event.content, "body", "") for event in events] == ["hello", "hi there"]
    assert [event.chain_depth for event in events] == [0, 1]
    assert events[0].id == asked.id
    assert people.heard == ["hi there"]


async def test_a_reply_stays_in_the_room_of_its_cause(
    kit: RoomKit, say: Any, said: Any, join: Any, make_agent: Any
) -> None:
    await kit.create_room("other")
    bot = await join(make_agent("bot"))
    bot.react = lambda event: ChannelOutput(response_events=[bot.words("lost").model_copy(update={"room_id": "other"})])
    await say("hello")
    assert await said() == ["hello", "lost"]
    assert await said("other") == []


async def test_replies_pass_the_hooks_like_any_message(
    kit: RoomKit, say: Any, people: Any, join: Any, make_agent: Any
) -> None:
    await join(make_agent("bot", "hi there"))
    seen: list[str] = []

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def look(event: RoomEvent, context: RoomContext) -> HookResult:
        seen.append(event.source.channel_id)
        return HookResult.block("no robots") if event.source.channel_id == "bot" else HookResult.allow()

    assert not (await say("hello")).blocked
    assert seen == ["people", "bot"]
    assert people.heard == []


async def test_two_agents_that_answer_each_other_are_stopped_at_the_depth_limit(
    kit: RoomKit, say: Any, join: Any, make_agent: Any
) -> None:
    first, second = await join(make_agent("first", "ping")), await join(make_agent("second"))
    told: list[FrameworkEvent] = []
    kit.on("chain_depth_exceeded")(told.append)
    second.react = lambda event: (
        ChannelOutput(response_events=[second.words("pong")]) if event.source.channel_id == "first" else ChannelOutput()
    )
    await say("go")
    events = [event for event in await kit.store.list_events("r") if isinstance(event.content, TextContent)]
    assert [event.chain_depth for event in events] == [0, 1, 2, 3, 4, 5]
    assert [event.status for event in events[:5]] == [EventStatus.DELIVERED] * 5
    assert (events[5].status, events[5].blocked_by) == (EventStatus.BLOCKED, "event_chain_depth_limit")
    assert [event.data for event in told] == [{"event_id": events[5].id, "depth": 5}]
    assert len(first.read) + len(second.read) == 6


async def test_with_a_depth_of_none_every_reply_is_blocked_and_kept(
    make_probe: Any, make_agent: Any, said: Any
) -> None:
    kit = RoomKit(max_chain_depth=0)
    await kit.create_room("r")
    people = make_probe("people")
    for channel in (people, make_agent("bot", "hi")):
        kit.register_channel(channel)
        await kit.attach_channel("r", channel.channel_id)
    await kit.process_inbound(
        InboundMessage(channel_id="people", sender_id="ann", content=TextContent(body="hello")), room_id="r"
    )
    [*_, reply] = await kit.store.list_events("r")
    assert (reply.status, reply.blocked_by) == (EventStatus.BLOCKED, "event_chain_depth_limit")
    assert people.heard == []


async def test_replies_beyond_the_number_that_one_message_may_cause_are_kept_as_blocked(
    kit: RoomKit, say: Any, join: Any, make_agent: Any, people: Any
) -> None:
    await join(make_agent("bot", *(f"answer {n}" for n in range(60))))
    told: list[FrameworkEvent] = []
    kit.on("chain_depth_exceeded")(told.append)
    await say("go")
    stored = [event for event in await kit.store.list_events("r", limit=1000) if event.source.channel_id == "bot"]
    spoken = [event for event in stored if event.chain_depth == 1]
    assert [event.status for event in spoken] == [EventStatus.DELIVERED] * 50 + [EventStatus.BLOCKED] * 10
    assert len(people.heard) == 50
    assert len(told) == 10


async def test_an_answer_in_the_form_of_the_event_itself_becomes_an_event_of_its_own(
    kit: RoomKit, say: Any, join: Any, make_agent: Any, said: Any
) -> None:
    bot = await join(make_agent("bot"))

    def echo(event: RoomEvent) -> ChannelOutput:
        source = EventSource(channel_id="bot", channel_type=ChannelType.AI)
        return ChannelOutput(response_events=[event.model_copy(update={"source": source})])

    bot.react = echo
    await say("hello")
    assert await said() == ["hello", "hello"]
    ids = [event.id for event in await kit.store.list_events("r")]
    assert len(set(ids)) == len(ids)


async def test_an_answer_is_shown_to_those_whom_its_cause_names(
    kit: RoomKit, say: Any, join: Any, make_probe: Any, make_agent: Any, people: Any
) -> None:
    desk = await join(make_probe("desk"))
    await join(make_agent("bot", "between us"))

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def whisper(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.modify(event.model_copy(update={"response_visibility": "desk"}))

    await say("hello")
    assert desk.heard == ["hello", "between us"]
    assert people.heard == []


# What a channel may show


@pytest.mark.parametrize("visibility", ["desk", "none", "transport"])
async def test_what_a_channel_says_is_seen_by_those_whom_its_binding_names(
    visibility: str, kit: RoomKit, say: Any, join: Any, make_probe: Any, make_agent: Any
) -> None:
    desk, other, bot = await join(make_probe("desk")), await join(make_probe("other")), await join(make_agent("bot"))
    await kit.set_visibility("r", "people", visibility)
    stored = (await say("hello")).event
    heard = {name for name, channel in (("desk", desk), ("other", other)) if channel.heard}
    assert heard == {"desk": {"desk"}, "none": set(), "transport": {"desk", "other"}}[visibility]
    assert bot.read == []
    assert stored.visibility == visibility


async def test_the_visibility_of_an_event_itself_goes_before_that_of_its_channel(
    kit: RoomKit, join: Any, make_probe: Any, people: Any
) -> None:
    desk, other = await join(make_probe("desk")), await join(make_probe("other"))
    await kit.set_visibility("r", "people", "other")
    await kit.send_event("r", "people", TextContent(body="hello"), visibility="desk")
    assert (desk.heard, other.heard) == (["hello"], [])


@pytest.mark.parametrize("access", [Access.READ_ONLY, Access.NONE, "muted"])
async def test_what_a_channel_may_not_say_is_kept_where_no_later_turn_shows_it(
    access: Any, kit: RoomKit, say: Any, join: Any, make_agent: Any
) -> None:
    provider = MockAIProvider(["fine"])
    await join(AIChannel("bot", provider))
    if access == "muted":
        await kit.mute("r", "people")
    else:
        await kit.set_access("r", "people", access)
    await say("a secret")
    await kit.unmute("r", "people")
    await kit.set_access("r", "people", Access.READ_WRITE)
    await say("hello")
    [asked] = provider.calls
    assert [message.content for message in asked.messages] == ["hello"]


# What hooks add


async def test_a_hook_may_add_an_event_for_all_people_and_asks_no_agent_for_an_answer_to_it(
    kit: RoomKit, say: Any, join: Any, make_agent: Any, make_probe: Any, people: Any, said: Any
) -> None:
    desk, bot = await join(make_probe("desk")), await join(make_agent("bot"))

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def add(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.allow(injected_events=[InjectedEvent(event=notice())])

    await say("hello")
    assert people.heard == ["please be kind"]
    assert desk.heard == ["hello", "please be kind"]
    assert bot.read == ["hello"]
    assert await said() == ["hello", "please be kind"]


async def test_a_hook_that_blocks_may_tell_the_sender_why(
    kit: RoomKit, say: Any, join: Any, make_probe: Any, people: Any
) -> None:
    desk = await join(make_probe("desk"))

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def block(event: RoomEvent, context: RoomContext) -> HookResult:
        why = InjectedEvent(event=notice(), target_channel_ids=["people"])
        return HookResult.block("rude", injected_events=[why])

    assert (await say("!!!")).blocked
    assert people.heard == ["please be kind"]
    assert desk.heard == []


async def test_the_same_added_event_may_be_added_again(kit: RoomKit, say: Any, people: Any) -> None:
    constant = InjectedEvent(event=notice())

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def add(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.allow(injected_events=[constant])

    await say("one")
    await say("two")
    assert people.heard == ["please be kind", "please be kind"]
    ids = [event.id for event in people.delivered]
    assert len(set(ids)) == 2


async def test_a_channel_that_cannot_deliver_an_added_event_is_reported(kit: RoomKit, say: Any, people: Any) -> None:
    errors: list[FrameworkEvent] = []
    kit.on("error")(errors.append)

    def fail(event: RoomEvent) -> ChannelOutput:
        raise LookupError("line down")

    people.react = fail

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def add(event: RoomEvent, context: RoomContext) -> HookResult:
        return HookResult.allow(injected_events=[InjectedEvent(event=notice())])

    await say("hello")
    assert [(error.channel_id, error.data["message"]) for error in errors] == [("people", "line down")]


@pytest.mark.parametrize("blocks", [False, True], ids=["allowed", "blocked"])
async def test_tasks_and_observations_of_hooks_are_kept_and_told(blocks: bool, kit: RoomKit, say: Any) -> None:
    told: list[str] = []

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def propose(event: RoomEvent, context: RoomContext) -> HookResult:
        made: dict[str, Any] = {
            "tasks": [Task(room_id="r", title="call back")],
            "observations": [Observation(room_id="r", channel_id="people", content="angry")],
        }
        return HookResult.block("rude", **made) if blocks else HookResult.allow(**made)

    @kit.hook(HookTrigger.ON_TASK_CREATED)
    async def note(task: Task, context: RoomContext) -> None:
        told.append(task.title)

    await say("!!!")
    assert [task.title for task in await kit.store.list_tasks("r")] == ["call back"]
    assert [seen.content for seen in await kit.store.list_observations("r")] == ["angry"]
    assert told == ["call back"]


async def test_what_a_channel_learns_of_a_room_is_added_to_the_rooms_metadata(
    kit: RoomKit, say: Any, join: Any, make_agent: Any
) -> None:
    await kit.store.update_room((await kit.get_room("r")).model_copy(update={"metadata": {"kept": 1, "mood": "?"}}))
    bot = await join(make_agent("bot"))
    bot.react = lambda event: ChannelOutput(metadata_updates={"mood": "angry"})
    await say("!!!")
    assert (await kit.get_room("r")).metadata == {"kept": 1, "mood": "angry"}


async def test_a_channel_that_fails_is_reported_with_its_room_and_the_others_go_on(
    kit: RoomKit, say: Any, join: Any, make_agent: Any, people: Any
) -> None:
    errors: list[FrameworkEvent] = []
    hooked: list[str] = []
    kit.on("error")(errors.append)

    @kit.hook(HookTrigger.ON_ERROR)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        hooked.append(event.metadata["where"])

    def fail(event: RoomEvent) -> ChannelOutput:
        raise LookupError("model down")

    bad = await join(make_agent("bad"))
    bad.react = fail
    await join(make_agent("good", "hi"))
    assert not (await say("hello")).blocked
    assert people.heard == ["hi"]
    assert {(error.room_id, error.channel_id, error.data["message"]) for error in errors} == {
        ("r", "bad", "model down")
    }
    assert hooked[0] == "channel bad"


# Order


async def test_what_was_delivered_before_the_store_failed_is_told_to_the_observers(
    kit: RoomKit, say: Any, join: Any, make_agent: Any, pause: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    store_event = kit.store.add_event_auto_index

    async def fail(room_id: str, event: RoomEvent) -> RoomEvent:
        if event.source.channel_id == "bot":
            raise StoreError("disk full")
        return await store_event(room_id, event)

    @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def after(event: RoomEvent, context: RoomContext) -> None:
        told.append(event.source.channel_id)

    await join(make_agent("bot", "hi there"))
    monkeypatch.setattr(kit.store, "add_event_auto_index", fail)
    with pytest.raises(StoreError):
        await say("hello")
    await pause()
    assert told == ["people"]
    assert not kit.lock_manager.is_held("r")


async def test_what_was_delivered_is_told_to_the_observers_though_what_it_led_to_cannot_be_kept(
    kit: RoomKit, say: Any, join: Any, make_probe: Any, pause: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    async def fail(observation: Any) -> None:
        raise StoreError("disk full")

    @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def after(event: RoomEvent, context: RoomContext) -> None:
        told.append(event.content.body)

    seen = ChannelOutput(observations=[Observation(room_id="r", channel_id="bot", content="a greeting")])
    await join(make_probe("bot", react=lambda event: seen))
    monkeypatch.setattr(kit.store, "add_observation", fail)
    with pytest.raises(StoreError):
        await say("hello")
    await pause()
    assert told == ["hello"]


async def test_a_notice_is_told_to_the_observers_though_who_posts_it_is_cancelled(
    kit: RoomKit, people: Any, join: Any, make_probe: Any, pause: Any
) -> None:
    told: list[str] = []
    slow, begun = await join(make_probe("slow")), asyncio.Event()

    async def deliver(*_: Any) -> ChannelOutput:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    slow.deliver = deliver

    @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def after(event: RoomEvent, context: RoomContext) -> None:
        told.append(event.content.body)

    posting = asyncio.create_task(kit.send_event("r", "people", TextContent(body="a notice")))
    await begun.wait()
    posting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await posting
    await pause()
    assert told == ["a notice"]


async def test_concurrent_messages_and_notices_get_dense_indices_and_keep_their_order(
    make_probe: Any, make_agent: Any
) -> None:
    kit = RoomKit(store=SlowStore())
    for room_id in ("a", "b"):
        await kit.create_room(room_id)
    people, bot = make_probe("people"), make_agent("bot", "one", "two")
    for channel in (people, bot):
        kit.register_channel(channel)
        for room_id in ("a", "b"):
            await kit.attach_channel(room_id, channel.channel_id)

    def write(number: int) -> Any:
        content = TextContent(body=str(number))
        room_id = "ab"[number % 2]
        if number % 3:
            return kit.process_inbound(
                InboundMessage(channel_id="people", sender_id="ann", content=content), room_id=room_id
            )
        return kit.send_event(room_id, "people", content)

    await asyncio.gather(*(write(number) for number in range(30)))
    for parity, room_id in enumerate("ab"):
        events = await kit.store.list_events(room_id, limit=1000)
        assert [event.index for event in events] == list(range(len(events)))
        room = await kit.get_room(room_id)
        assert (room.event_count, room.latest_index) == (len(events), len(events) - 1)
        own = [event for event in events if event.source.channel_id == "people"]
        spoken = [int(event.content.body) for event in own if isinstance(event.content, TextContent)]
        assert [n for n in spoken if n % 3] == [n for n in range(parity, 30, 2) if n % 3]
        assert [n for n in spoken if n % 3 == 0] == [n for n in range(parity, 30, 2) if n % 3 == 0]


async def test_the_replies_to_a_message_come_before_the_next_message(make_probe: Any, make_agent: Any) -> None:
    kit = RoomKit(store=SlowStore())
    await kit.create_room("r")
    bot = make_agent("bot")
    bot.react = lambda event: ChannelOutput(response_events=[bot.words(f"re {getattr(event.content, 'body', '')}")])
    for channel in (make_probe("people"), bot):
        kit.register_channel(channel)
        await kit.attach_channel("r", channel.channel_id)
    await asyncio.gather(
        *(
            kit.process_inbound(
                InboundMessage(channel_id="people", sender_id="ann", content=TextContent(body=str(n))), room_id="r"
            )
            for n in range(4)
        )
    )
    spoken = [e.content.body for e in await kit.store.list_events("r") if isinstance(e.content, TextContent)]
    assert spoken == ["0", "re 0", "1", "re 1", "2", "re 2", "3", "re 3"]


async def test_a_channel_is_shown_the_event_it_reacts_to_as_the_newest(say: Any, join: Any, make_agent: Any) -> None:
    bot = await join(make_agent("bot"))
    for number in range(60):
        await say(str(number))
    recent = bot.contexts[-1].recent_events
    assert [getattr(event.content, "body", "") for event in recent[-3:]] == ["57", "58", "59"]
    assert len([event for event in recent if event.id == bot.asked[-1].id]) == 1


async def test_what_is_posted_from_inside_a_room_is_observed_when_the_room_is_free(
    kit: RoomKit, say: Any, pause: Any, said: Any
) -> None:
    release = asyncio.Event()
    observed: list[str] = []

    @kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def post(event: RoomEvent, context: RoomContext) -> HookResult:
        if getattr(event.content, "body", "") == "first":
            await kit.send_event("r", "people", TextContent(body="posted"))
        return HookResult.allow()

    @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def wait(event: RoomEvent, context: RoomContext) -> None:
        observed.append(getattr(event.content, "body", ""))
        if observed[-1] == "posted":
            await release.wait()

    first = asyncio.create_task(say("first"))
    await pause()
    assert not (await say("second")).blocked
    release.set()
    await first
    assert await said() == ["posted", "first", "second"]
    assert sorted(observed) == ["first", "posted", "second"]


async def test_observers_are_told_of_what_happened_in_a_room_that_is_gone_meanwhile(kit: RoomKit, people: Any) -> None:
    seen, errors = list[str](), list[FrameworkEvent]()
    kit.on("error")(errors.append)

    @kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def note(event: RoomEvent, context: RoomContext) -> None:
        assert isinstance(event.content, TextContent)
        seen.append(f"{context.room.id}: {event.content.body}")

    async with kit.lock_manager.locked("r"):
        await kit.send_event("r", "people", TextContent(body="goodbye"))
        await kit.store.delete_room("r")
    await kit.background.drain()
    assert seen == ["r: goodbye"]
    assert errors == []
