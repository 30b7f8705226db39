"""A channel that does not take what it is given: the room waits for it so long and no longer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.models import ChannelOutput, InboundMessage, TextContent

pytestmark = pytest.mark.sim


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def make_slow(make_probe: Any) -> Any:
    class Slow(make_probe):
        """Takes so many seconds for an event, or one that it never ends with."""

        def __init__(self, channel_id: str, seconds: float | None) -> None:
            super().__init__(channel_id)
            self.seconds = seconds
            self.cancelled = 0

        async def deliver(self, event: Any, binding: Any, context: Any) -> ChannelOutput:
            try:
                await (asyncio.Event().wait() if self.seconds is None else asyncio.sleep(self.seconds))
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return await super().deliver(event, binding, context)

    return Slow


async def test_a_channel_that_never_returns_is_reported_and_holds_neither_the_others_nor_the_room(
    kit: RoomKit, join: Any, say: Any, make_slow: Any, make_probe: Any, make_agent: Any
) -> None:
    errors: list[Any] = []
    kit.on("error")(errors.append)
    sms, chat = await join(make_slow("sms", None)), await join(make_probe("chat"))
    bot = await join(make_agent("bot", "yes"))
    begun = now()
    saying = asyncio.create_task(say("hello"))
    await asyncio.sleep(1)
    assert (chat.heard, bot.read) == (["hello"], ["hello"])
    result = await saying
    assert not result.blocked
    assert chat.heard == ["hello", "yes"]
    assert now() - begun == 60
    assert sms.cancelled == 2
    first, second = [(e.channel_id, e.room_id, e.data) for e in errors]
    assert first == second
    assert first[:2] == ("sms", "r")
    assert first[2]["where"] == "channel sms"
    assert first[2]["exception"] == "DeliveryTimeoutError"
    assert "channel 'sms' had not taken an event of room 'r' after 30 s" in first[2]["message"]
    assert "delivery_timeout" in first[2]["message"]


async def test_what_the_application_posts_waits_no_longer_either(
    kit: RoomKit, people: Any, join: Any, make_slow: Any
) -> None:
    errors: list[Any] = []
    kit.on("error")(lambda event: errors.append(event.channel_id))
    await join(make_slow("sms", None))
    await kit.send_event("r", "people", TextContent(body="hello"))
    assert (errors, now()) == (["sms"], 30)


async def test_a_channel_that_takes_long_but_not_too_long_gets_everything(
    join: Any, say: Any, make_slow: Any, kit: RoomKit
) -> None:
    errors: list[Any] = []
    kit.on("error")(errors.append)
    slow = await join(make_slow("sms", 29))
    await say("hello")
    assert (slow.heard, errors) == (["hello"], [])


@pytest.mark.parametrize(("timeout", "heard"), [(2.5, []), (None, ["hello"])])
async def test_how_long_a_channel_is_waited_for_is_set_with_the_kit(
    make_probe: Any, make_slow: Any, timeout: float | None, heard: list[str]
) -> None:
    async with RoomKit(delivery_timeout=timeout) as kit:
        errors: list[str] = []
        kit.on("error")(lambda event: errors.append(event.data["message"]))
        await kit.create_room("r")
        slow = make_slow("sms", 3600)
        for channel in (make_probe("people"), slow):
            kit.register_channel(channel)
            await kit.attach_channel("r", channel.channel_id)
        message = InboundMessage(channel_id="people", sender_id="ann", content=TextContent(body="hello"))
        await kit.process_inbound(message, room_id="r")
        assert slow.heard == heard
        assert ["after 2.5 s" in error for error in errors] == ([] if heard else [True])


async def test_a_time_out_of_the_channels_own_is_reported_as_its_failure(
    join: Any, say: Any, kit: RoomKit, make_probe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> ChannelOutput:
        raise TimeoutError("the gateway was too slow")

    errors: list[str] = []
    kit.on("error")(lambda event: errors.append(event.data["exception"]))
    sms = await join(make_probe("sms"))
    monkeypatch.setattr(sms, "deliver", fail)
    await say("hello")
    assert errors == ["TimeoutError"]


async def test_a_channel_that_bounds_its_delivery_itself_is_not_cut(
    join: Any, say: Any, kit: RoomKit, make_slow: Any
) -> None:
    errors: list[Any] = []
    kit.on("error")(errors.append)
    slow = make_slow("phone", 300)
    slow.bounds_delivery = True
    await join(slow)
    await say("hello")
    assert (slow.heard, errors) == (["hello"], [])


async def test_a_websocket_waits_for_its_clients_as_long_as_it_was_told(join: Any, say: Any) -> None:
    async def send(event: dict[str, Any]) -> None:
        await asyncio.sleep(50)

    web = await join(WebSocketChannel("web", send_timeout_seconds=60))
    web.connect("browser", send, room_id="r")
    await say("hello")
    assert web.clients == ["browser"]


@pytest.mark.parametrize("timeout", [0, -1])
async def test_a_time_in_which_nothing_can_be_delivered_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="delivery_timeout"):
        RoomKit(delivery_timeout=timeout)
