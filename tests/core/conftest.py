"""A kit with one room `r`, and channels that record what reaches them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from roomkit_sim.channels.base import Channel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models import (
    ChannelBinding,
    ChannelCategory,
    ChannelOutput,
    ChannelType,
    EventSource,
    InboundMessage,
    InboundResult,
    RoomContext,
    RoomEvent,
    TextContent,
)

Reaction = Callable[[RoomEvent], ChannelOutput]


class Probe(Channel):
    """Records what is delivered to it and what it is asked to react to, and reacts as it is told."""

    def __init__(
        self,
        channel_id: str,
        *,
        category: ChannelCategory = ChannelCategory.TRANSPORT,
        channel_type: ChannelType = ChannelType.WEBSOCKET,
        react: Reaction | None = None,
    ) -> None:
        super().__init__(channel_id)
        self.category = category
        self.channel_type = channel_type
        self.react = react
        self.delivered: list[RoomEvent] = []
        self.asked: list[RoomEvent] = []
        self.contexts: list[RoomContext] = []
        self.closed = 0
        self.close_error: Exception | None = None

    async def deliver(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        self.delivered.append(event)
        return ChannelOutput.empty()

    async def on_event(self, event: RoomEvent, binding: ChannelBinding, context: RoomContext) -> ChannelOutput:
        self.asked.append(event)
        self.contexts.append(context)
        return ChannelOutput.empty() if self.react is None else self.react(event)

    async def close(self) -> None:
        self.closed += 1
        if self.close_error is not None:
            raise self.close_error

    @property
    def heard(self) -> list[str]:
        return [str(getattr(event.content, "body", "")) for event in self.delivered]

    @property
    def read(self) -> list[str]:
        return [str(getattr(event.content, "body", "")) for event in self.asked]

    def words(self, body: str, **fields: Any) -> RoomEvent:
        source = EventSource(channel_id=self.channel_id, channel_type=self.channel_type)
        return RoomEvent(room_id="r", source=source, content=TextContent(body=body), **fields)


def agent(channel_id: str, *answers: str) -> Probe:
    """An intelligence that answers the messages of others, with each of ``answers``."""
    probe = Probe(channel_id, category=ChannelCategory.INTELLIGENCE, channel_type=ChannelType.AI)
    if answers:
        probe.react = lambda event: ChannelOutput(responded=True, response_events=[probe.words(a) for a in answers])
    return probe


@pytest.fixture
def make_probe() -> type[Probe]:
    return Probe


@pytest.fixture
def make_agent() -> Callable[..., Probe]:
    return agent


@pytest.fixture
async def kit() -> RoomKit:
    kit = RoomKit()
    await kit.create_room("r")
    return kit


@pytest.fixture
def join(kit: RoomKit) -> Callable[..., Awaitable[Any]]:
    """Register a channel and attach it to the room."""

    async def join(channel: Any, room_id: str = "r", **binding: Any) -> Any:
        kit.register_channel(channel)
        await kit.attach_channel(room_id, channel.channel_id, **binding)
        return channel

    return join


@pytest.fixture
async def people(join: Callable[..., Awaitable[Any]]) -> Probe:
    """The channel from which people write in the tests."""
    probe: Probe = await join(Probe("people"))
    return probe


@pytest.fixture
def say(kit: RoomKit, people: Probe) -> Callable[..., Awaitable[InboundResult]]:
    """Write a message on the channel `people`."""

    async def say(body: str, *, room_id: str | None = "r", **fields: Any) -> InboundResult:
        message = InboundMessage(channel_id="people", sender_id="ann", content=TextContent(body=body), **fields)
        return await kit.process_inbound(message, room_id=room_id)

    return say


@pytest.fixture
def said(kit: RoomKit) -> Callable[..., Awaitable[list[str]]]:
    """The words in the room's timeline, whatever became of them; what channels do is left out."""

    async def said(room_id: str = "r") -> list[str]:
        events = await kit.store.list_events(room_id, limit=10_000)
        return [event.content.body for event in events if isinstance(event.content, TextContent)]

    return said


@pytest.fixture
def pause() -> Callable[[], Awaitable[None]]:
    """Let every task that is ready run until it waits."""

    async def pause() -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    return pause
