"""Text channels: messages to people, events to browsers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.channels.transport import TransportChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelCategory, ChannelType, EventType
from roomkit_sim.models.event import LocationContent, SystemContent, TextContent


class Phone:
    """A text channel that notes what it sends."""

    def __init__(self, **settings: Any) -> None:
        self.sent: list[tuple[str, str]] = []
        self.channel = TransportChannel("texts", ChannelType.SMS, send=self._send, **settings)

    async def _send(self, address: str, text: str) -> None:
        self.sent.append((address, text))


@pytest.fixture
async def kit() -> RoomKit:
    kit = RoomKit()
    kit.register_channel(WebSocketChannel("chat"))
    await kit.create_room("r")
    await kit.attach_channel("r", "chat")
    return kit


async def test_a_message_goes_to_the_address_of_the_binding(kit: RoomKit) -> None:
    phone = Phone(address_key="number")
    kit.register_channel(phone.channel)
    await kit.attach_channel("r", "texts", metadata={"number": "+1555"})
    await kit.send_event("r", "chat", TextContent(body="hello"))
    assert phone.sent == [("+1555", "hello")]


@pytest.mark.parametrize(
    ("content", "event_type"),
    [
        (SystemContent(body="a notice"), EventType.SYSTEM),
        (TextContent(body=""), EventType.MESSAGE),
        (LocationContent(latitude=1.0, longitude=2.0), EventType.MESSAGE),
    ],
)
async def test_notices_and_events_without_words_are_not_sent(kit: RoomKit, content: Any, event_type: EventType) -> None:
    phone = Phone()
    kit.register_channel(phone.channel)
    await kit.attach_channel("r", "texts")
    await kit.send_event("r", "chat", content, event_type)
    assert phone.sent == []


async def test_a_text_channel_is_a_transport_of_its_own_type(kit: RoomKit) -> None:
    phone = Phone()
    kit.register_channel(phone.channel)
    binding = await kit.attach_channel("r", "texts")
    assert (binding.channel_type, binding.category) == (ChannelType.SMS, ChannelCategory.TRANSPORT)
    assert phone.channel.info() == {"channel_id": "texts", "type": "sms", "category": "transport"}
    assert phone.channel.kit is kit


async def test_what_comes_in_keeps_sender_key_and_metadata(kit: RoomKit) -> None:
    message = InboundMessage(
        channel_id="chat",
        sender_id="person",
        content=TextContent(body="hello"),
        external_id="x1",
        idempotency_key="k1",
        metadata={"intent": "buy"},
    )
    result = await kit.process_inbound(message, room_id="r")
    assert result.event is not None
    assert (result.event.source.participant_id, result.event.source.external_id) == ("person", "x1")
    assert (result.event.idempotency_key, result.event.metadata["intent"]) == ("k1", "buy")


async def post(kit: RoomKit, room_id: str, body: str) -> None:
    poster = Phone().channel
    if poster.channel_id not in kit.channels:
        kit.register_channel(poster)
    if await kit.store.get_binding(room_id, poster.channel_id) is None:
        await kit.attach_channel(room_id, poster.channel_id)
    await kit.send_event(room_id, poster.channel_id, TextContent(body=body))


def browser(received: list[tuple[str, str]], name: str) -> Any:
    async def send(event: dict[str, Any]) -> None:
        received.append((name, event["content"]["body"]))

    return send


async def test_browsers_get_the_events_of_the_room_that_they_follow(kit: RoomKit) -> None:
    chat = kit.channels["chat"]
    assert isinstance(chat, WebSocketChannel)
    await kit.create_room("other")
    await kit.attach_channel("other", "chat")
    received: list[tuple[str, str]] = []
    chat.connect("one", browser(received, "one"), room_id="r")
    chat.connect("all", browser(received, "all"))
    await post(kit, "r", "hello")
    await post(kit, "other", "elsewhere")
    assert received == [("one", "hello"), ("all", "hello"), ("all", "elsewhere")]


async def test_a_browser_that_fails_is_dropped_and_reported_and_the_others_go_on(kit: RoomKit) -> None:
    chat = kit.channels["chat"]
    assert isinstance(chat, WebSocketChannel)
    errors: list[str] = []
    kit.on("error")(lambda event: errors.append(event.data["where"]))

    async def gone(event: dict[str, Any]) -> None:
        raise ConnectionError("gone")

    received: list[tuple[str, str]] = []
    chat.connect("gone", gone)
    chat.connect("here", browser(received, "here"))
    await post(kit, "r", "hello")
    assert chat.clients == ["here"]
    assert errors == ["websocket client gone"]
    assert received == [("here", "hello")]


async def test_a_browser_that_connects_again_while_its_old_connection_fails_stays(kit: RoomKit) -> None:
    chat = kit.channels["chat"]
    assert isinstance(chat, WebSocketChannel)
    received: list[tuple[str, str]] = []

    async def gone(event: dict[str, Any]) -> None:
        chat.connect("one", browser(received, "one"))
        raise ConnectionError("gone")

    chat.connect("one", gone)
    await post(kit, "r", "lost")
    await post(kit, "r", "hello")
    assert (chat.clients, received) == (["one"], [("one", "hello")])


@pytest.mark.sim
async def test_a_browser_that_takes_nothing_any_more_is_dropped_and_holds_nobody_up(kit: RoomKit) -> None:
    chat = kit.channels["chat"]
    assert isinstance(chat, WebSocketChannel)
    received: list[tuple[str, str]] = []
    errors: list[tuple[str, str]] = []
    kit.on("error")(lambda event: errors.append((event.data["where"], event.data["exception"])))

    async def stuck(event: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    chat.connect("stuck", stuck)
    chat.connect("here", browser(received, "here"))
    began_s = asyncio.get_running_loop().time()
    posting = asyncio.create_task(post(kit, "r", "hello"))
    await asyncio.sleep(0.001)
    assert received == [("here", "hello")]
    await posting
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(10)
    assert (chat.clients, errors) == (["here"], [("websocket client stuck", "TimeoutError")])


async def test_a_browser_that_disconnected_gets_nothing_and_may_do_so_twice(kit: RoomKit) -> None:
    chat = kit.channels["chat"]
    assert isinstance(chat, WebSocketChannel)
    received: list[tuple[str, str]] = []
    chat.connect("one", browser(received, "one"))
    chat.disconnect("one")
    chat.disconnect("one")
    await post(kit, "r", "hello")
    assert received == []
