"""Who in a room gets an event, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from roomkit_sim.core.event_router import ALWAYS_PROCESS, INTERNAL, ROUTED_TO, EventRouter, may_send, receives, sees
from roomkit_sim.errors import WorkCancelledError
from roomkit_sim.models import (
    Access,
    ChannelBinding,
    ChannelCategory,
    ChannelDirection,
    ChannelOutput,
    ChannelType,
    EventSource,
    Observation,
    Room,
    RoomContext,
    RoomEvent,
    Task,
    TextContent,
)
from roomkit_sim.models.stream import ReplyStream

TRANSPORT, INTELLIGENCE = ChannelCategory.TRANSPORT, ChannelCategory.INTELLIGENCE


def binding(channel_id: str, category: ChannelCategory = TRANSPORT, **fields: Any) -> ChannelBinding:
    return ChannelBinding(
        channel_id=channel_id, room_id="r", channel_type=ChannelType.WEBSOCKET, category=category, **fields
    )


def event(**fields: Any) -> RoomEvent:
    source = EventSource(channel_id=fields.pop("source", "people"), channel_type=ChannelType.WEBSOCKET)
    return RoomEvent(room_id="r", source=source, content=TextContent(body="hello"), **fields)


def context(*bindings: ChannelBinding) -> RoomContext:
    return RoomContext(room=Room(id="r"), bindings=list(bindings))


@pytest.mark.parametrize(
    ("visibility", "seen_by"),
    [
        ("all", {"chat", "sms", "bot"}),
        ("none", set()),
        ("transport", {"chat", "sms"}),
        ("intelligence", {"bot"}),
        ("sms", {"sms"}),
        ("sms, bot", {"sms", "bot"}),
        ("internal", set()),
        ("", set()),
        ("chatter", set()),
    ],
)
def test_visibility_names_who_sees_an_event(visibility: str, seen_by: set[str]) -> None:
    room = [binding("chat"), binding("sms"), binding("bot", INTELLIGENCE)]
    assert {one.channel_id for one in room if sees(visibility, one)} == seen_by


@pytest.mark.parametrize(
    ("access", "hears", "speaks"),
    [
        (Access.READ_WRITE, True, True),
        (Access.READ_ONLY, True, False),
        (Access.WRITE_ONLY, False, True),
        (Access.NONE, False, False),
    ],
)
def test_access_says_who_hears_and_who_speaks(access: Access, hears: bool, speaks: bool) -> None:
    one = binding("chat", access=access)
    assert receives(event(), one) is hears
    assert may_send(one) is speaks


def test_a_muted_channel_hears_and_does_not_speak() -> None:
    one = binding("chat", muted=True)
    assert receives(event(), one)
    assert not may_send(one)


def test_a_source_that_is_no_channel_of_the_room_may_speak() -> None:
    assert may_send(None)


@pytest.mark.parametrize(
    ("direction", "hears"),
    [
        (ChannelDirection.INBOUND, False),
        (ChannelDirection.OUTBOUND, True),
        (ChannelDirection.BIDIRECTIONAL, True),
    ],
)
def test_a_channel_that_only_takes_in_gets_nothing(direction: ChannelDirection, hears: bool) -> None:
    assert receives(event(), binding("chat", direction=direction)) is hears


def test_an_event_is_not_echoed_to_its_source() -> None:
    assert not receives(event(source="chat"), binding("chat"))


@pytest.mark.parametrize(
    ("metadata", "processed_by"),
    [
        ({}, {"a", "b", "chat"}),
        ({ROUTED_TO: "a"}, {"a", "chat"}),
        ({ROUTED_TO: "nobody"}, {"chat"}),
        ({ROUTED_TO: ""}, {"chat"}),
        ({ROUTED_TO: "a", ALWAYS_PROCESS: ["b"]}, {"a", "b", "chat"}),
        ({ROUTED_TO: "a", ALWAYS_PROCESS: None}, {"a", "chat"}),
        ({ROUTED_TO: "a", ALWAYS_PROCESS: "b"}, {"a", "chat"}),
        ({INTERNAL: True}, {"chat"}),
        ({INTERNAL: True, ROUTED_TO: "a"}, {"chat"}),
        ({INTERNAL: False}, {"a", "b", "chat"}),
    ],
)
def test_routing_marks_choose_among_intelligences_and_never_among_people(
    metadata: dict[str, Any], processed_by: set[str]
) -> None:
    room = [binding("a", INTELLIGENCE), binding("b", INTELLIGENCE), binding("chat")]
    assert {one.channel_id for one in room if receives(event(metadata=metadata), one)} == processed_by


async def test_a_transport_is_delivered_to_and_asked_while_an_intelligence_is_only_asked(
    make_probe: Any, make_agent: Any
) -> None:
    chat, bot = make_probe("chat"), make_agent("bot")
    router = EventRouter({"chat": chat, "bot": bot})
    await router.broadcast(event(), context(binding("chat"), binding("bot", INTELLIGENCE)))
    assert (chat.heard, chat.read) == (["hello"], ["hello"])
    assert (bot.heard, bot.read) == ([], ["hello"])


@pytest.mark.parametrize("source", [{"muted": True}, {"access": Access.READ_ONLY}, {"access": Access.NONE}])
async def test_a_source_that_may_not_speak_broadcasts_nothing(make_probe: Any, source: dict[str, Any]) -> None:
    chat = make_probe("chat")
    result = await EventRouter({"chat": chat}).broadcast(event(), context(binding("people", **source), binding("chat")))
    assert chat.heard == []
    assert result.delivered_to == []


async def test_channels_work_at_the_same_time_and_answers_keep_the_order_of_the_bindings(make_agent: Any) -> None:
    first, second = make_agent("first", "one"), make_agent("second", "two")
    met = asyncio.Barrier(2)
    original = type(first).on_event

    async def meet(self: Any, *given: Any) -> ChannelOutput:
        await met.wait()
        if self.channel_id == "first":
            await asyncio.sleep(0)
        output: ChannelOutput = await original(self, *given)
        return output

    first.on_event = meet.__get__(first)
    second.on_event = meet.__get__(second)
    async with asyncio.timeout(5):
        result = await EventRouter({"first": first, "second": second}).broadcast(
            event(), context(binding("first", INTELLIGENCE), binding("second", INTELLIGENCE))
        )
    assert [getattr(reply.content, "body", "") for reply in result.replies] == ["one", "two"]


async def test_one_failing_channel_stops_no_other(make_probe: Any) -> None:
    def fail(event: RoomEvent) -> ChannelOutput:
        raise LookupError("broken")

    bad, good = make_probe("bad", react=fail), make_probe("good")
    result = await EventRouter({"bad": bad, "good": good}).broadcast(event(), context(binding("bad"), binding("good")))
    assert good.heard == ["hello"]
    assert result.delivered_to == ["good"]
    assert {channel: type(error) for channel, error in result.errors.items()} == {"bad": LookupError}


async def test_a_channel_that_awaits_something_cancelled_stops_no_other(make_probe: Any) -> None:
    bad, good = make_probe("bad"), make_probe("good")

    async def deliver(*_: Any) -> ChannelOutput:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        return await gone

    bad.deliver = deliver
    result = await EventRouter({"bad": bad, "good": good}).broadcast(event(), context(binding("bad"), binding("good")))
    assert good.heard == ["hello"]
    assert {channel: type(error) for channel, error in result.errors.items()} == {"bad": WorkCancelledError}


async def test_a_binding_without_a_registered_channel_is_left_out(make_probe: Any) -> None:
    result = await EventRouter({}).broadcast(event(), context(binding("ghost")))
    assert (result.delivered_to, result.errors) == ([], {})


async def test_a_muted_intelligence_may_notice_and_propose_but_not_speak(make_agent: Any) -> None:
    bot = make_agent("bot")
    bot.react = lambda event: ChannelOutput(
        response_events=[bot.words("I say")],
        tasks=[Task(room_id="r", title="call back")],
        observations=[Observation(room_id="r", channel_id="bot", content="angry")],
    )
    result = await EventRouter({"bot": bot}).broadcast(event(), context(binding("bot", INTELLIGENCE, muted=True)))
    assert result.replies == []
    assert [task.title for task in result.tasks] == ["call back"]
    assert [seen.content for seen in result.observations] == ["angry"]


async def pieces(*words: str) -> AsyncIterator[str]:
    for word in words:
        yield word


async def test_a_streamed_reply_becomes_one_event_when_it_is_complete(make_agent: Any) -> None:
    bot = make_agent("bot")
    bot.react = lambda event: ChannelOutput(responded=True, response_stream=pieces("Good ", "morning "))
    cause = event()
    result = await EventRouter({"bot": bot}).broadcast(cause, context(binding("bot", INTELLIGENCE)))
    [reply] = result.replies
    assert reply.content == TextContent(body="Good morning")
    assert (reply.source.channel_id, reply.parent_event_id) == ("bot", cause.id)


async def test_an_empty_stream_is_no_reply(make_agent: Any) -> None:
    bot = make_agent("bot")
    bot.react = lambda event: ChannelOutput(response_stream=pieces("", " "))
    result = await EventRouter({"bot": bot}).broadcast(event(), context(binding("bot", INTELLIGENCE)))
    assert result.replies == []


async def test_the_stream_of_a_muted_channel_is_not_read(make_agent: Any) -> None:
    read: list[str] = []

    async def stream() -> AsyncIterator[str]:
        read.append("begun")
        yield "words"

    bot = make_agent("bot")
    bot.react = lambda event: ChannelOutput(response_stream=stream())
    result = await EventRouter({"bot": bot}).broadcast(event(), context(binding("bot", INTELLIGENCE, muted=True)))
    assert (result.replies, read) == ([], [])


class Forgetful(ReplyStream):
    """Says one word, and fails when it is told what became of it."""

    def __init__(self) -> None:
        self._words = pieces("Morning.")

    async def __anext__(self) -> str:
        return await anext(self._words)

    async def aclose(self) -> None:
        """Nothing to close."""

    async def written(self, reply: RoomEvent) -> None:
        raise OSError("disk full")


async def test_a_stream_that_fails_when_it_is_written_is_a_reply_all_the_same(make_agent: Any) -> None:
    bot = make_agent("bot")
    bot.react = lambda event: ChannelOutput(response_stream=Forgetful())
    result = await EventRouter({"bot": bot}).broadcast(event(), context(binding("bot", INTELLIGENCE)))
    assert [reply.content for reply in result.replies] == [TextContent(body="Morning.")]
    assert {channel: type(error) for channel, error in result.errors.items()} == {"bot": OSError}


async def test_a_stream_that_breaks_is_the_error_of_its_channel(make_agent: Any) -> None:
    async def stream() -> AsyncIterator[str]:
        yield "half a "
        raise LookupError("broken")

    bot = make_agent("bot")
    bot.react = lambda event: ChannelOutput(response_stream=stream())
    result = await EventRouter({"bot": bot}).broadcast(event(), context(binding("bot", INTELLIGENCE)))
    assert result.replies == []
    assert isinstance(result.errors["bot"], LookupError)
