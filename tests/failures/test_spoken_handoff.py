"""Failures 19 to 25: farewells and greetings, on spoken lines and in text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.transport import TransportChannel
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelType, EventType, HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.session_event import SessionStartedEvent
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.store.memory import InMemoryStore
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider

Build = Callable[..., Any]
FAREWELL = "One moment, please."


@pytest.mark.sim
async def test_19_the_caller_hears_one_farewell_and_then_the_greeting(spoken_line: Build) -> None:
    line = spoken_line(goodbye="Goodbye, I am putting you through.")
    await line.say(await line.call(farewell_prompt=FAREWELL))
    assert line.spoken == [(FAREWELL, "low"), ("I am the advisor.", "high")]


@pytest.mark.sim
async def test_20_without_a_farewell_nothing_that_is_said_at_a_handoff_is_held_back(spoken_line: Build) -> None:
    line = spoken_line()
    session = await line.call()

    async def speak(event: Any, context: Any) -> None:
        assert await line.voice.say(session, "You are being transferred.")

    line.kit.hook(HookTrigger.ON_HANDOFF, execution=HookExecution.ASYNC)(speak)
    await line.say(session)
    assert [text for text, _ in line.spoken] == ["You are being transferred.", "Goodbye.", "I am the advisor."]


@pytest.mark.sim
async def test_21_the_greeting_waits_for_the_old_agents_last_sentence(spoken_line: Build) -> None:
    line = spoken_line(goodbye="Before I put you through, let me say how much we have enjoyed this conversation.")
    await line.say(await line.call())
    assert [voice for _, voice in line.spoken] == ["low", "high"]
    assert line.cancelled == []


@pytest.mark.sim
async def test_22_a_greeting_neither_waits_for_ever_nor_enters_a_room_that_is_held(
    spoken_line: Build, slow_store: Any
) -> None:
    line = spoken_line(store=slow_store)
    await line.say(await line.call())
    messages = [e.source.participant_id or e.content.body for e in await line.timeline() if e.type is EventType.MESSAGE]
    assert messages == ["caller", "Goodbye.", "system", "I am the advisor."]
    assert line.errors == []


class Failing(Agent):
    """Its greeting fails."""

    async def _greet(self, event: Any, context: RoomContext) -> None:
        await asyncio.sleep(0)
        raise ConnectionError("nobody to greet")


async def test_23_a_first_message_is_answered_after_the_greeting_and_a_failed_greeting_stalls_nobody() -> None:
    kit = RoomKit()
    errors: list[str] = []
    kit.on("error")(lambda event: errors.append(event.data["message"]))
    model = MockAIProvider(["How can I help?"])
    agents = [
        Failing("b", provider=MockAIProvider(), greeting="Hi!"),
        Agent("a", provider=model, greeting="Welcome!"),
    ]
    for channel in (WebSocketChannel("chat"), *agents):
        kit.register_channel(channel)

    @kit.hook(HookTrigger.ON_ROOM_CREATED, execution=HookExecution.ASYNC)
    async def furnish(event: Any, context: RoomContext) -> None:
        for agent in agents:
            await kit.attach_channel(context.room.id, agent.channel_id)

    message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body="hello"))
    result = await kit.process_inbound(message)
    assert not result.blocked
    assert [(m.role, m.content) for m in model.calls[0].messages][:2] == [("assistant", "Welcome!"), ("user", "hello")]
    assert errors == ["nobody to greet"]


@pytest.mark.sim
@pytest.mark.parametrize("who_begins", ["texts", "voice"])
async def test_24_a_greeting_reaches_whoever_began_and_nobody_else(who_begins: str) -> None:
    sent: list[str] = []

    async def send(address: str, text: str) -> None:
        sent.append(text)

    kit, tts = RoomKit(), MockTTSProvider()
    voice = VoiceChannel("voice", stt=MockSTTProvider(["Hello."]), tts=tts, backend=MockVoiceBackend())
    texts = TransportChannel("texts", ChannelType.SMS, send=send)
    agent = Agent("agent", provider=MockAIProvider(), greeting="Welcome!", auto_greet=who_begins == "voice")
    for channel in (voice, texts, agent):
        kit.register_channel(channel)
    await kit.create_room("r")
    for channel_id in ("voice", "texts", "agent"):
        await kit.attach_channel("r", channel_id, metadata={"address": "+1555"})
    await voice.start_session("r", "caller", None)
    if who_begins == "texts":
        agent.auto_greet = True
        agent.on_registered(kit)
        await start_text_session(kit, "r", "texts")
    await asyncio.sleep(10)
    assert (sent, [call["text"] for call in tts.calls]) == (
        (["Welcome!"], []) if who_begins == "texts" else ([], ["Welcome!"])
    )
    await kit.close()


async def start_text_session(kit: RoomKit, room_id: str, channel_id: str) -> None:
    context = RoomContext(room=await kit.get_room(room_id), bindings=await kit.store.list_bindings(room_id))
    started = SessionStartedEvent(room_id, channel_id)
    await kit.hook_engine.run_async_hooks(room_id, HookTrigger.ON_SESSION_STARTED, started, context)


async def test_25_no_room_is_greeted_twice_however_many_rooms_there_have_been() -> None:
    """What tells is the conversation itself: nothing fills up, and a process that starts anew knows it as well."""
    store = InMemoryStore()
    for _ in range(2):
        kit = RoomKit(store=store)
        for channel in (WebSocketChannel("chat"), Agent("a", provider=MockAIProvider(), greeting="Welcome!")):
            kit.register_channel(channel)
        if await store.get_room("r") is None:
            await kit.create_room("r")
            await kit.attach_channel("r", "chat")
            await kit.attach_channel("r", "a")
        for _ in range(2):
            await start_text_session(kit, "r", "chat")
    events = await store.list_events("r", limit=100)
    assert [e.content.body for e in events if e.metadata.get("auto_greeting")] == ["Welcome!"]
