"""Who says what, as a model is told it: other agents by name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim import (
    Agent,
    ConversationPipeline,
    InboundMessage,
    MockAIProvider,
    MockRealtimeProvider,
    MockRealtimeTransport,
    PipelineStage,
    RealtimeVoiceChannel,
    RoomKit,
    TextContent,
    WebSocketChannel,
)
from roomkit_sim.channels.speakers import name_of_speaker
from roomkit_sim.models import (
    ChannelBinding,
    ChannelCategory,
    ChannelType,
    EventSource,
    Room,
    RoomContext,
    RoomEvent,
)
from roomkit_sim.providers.ai.base import AIContext

pytestmark = pytest.mark.sim

STAGES = [
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor", can_return_to={"triage"}),
]


def told(context: AIContext) -> list[tuple[str, str | None, Any]]:
    return [(message.role, message.name, message.content) for message in context.messages]


async def room_with(kit: RoomKit, *channels: Any, **binding: Any) -> None:
    await kit.create_room("r")
    for channel in channels:
        if channel.channel_id not in kit.channels:
            kit.register_channel(channel)
        await kit.attach_channel("r", channel.channel_id, **binding)


async def say(kit: RoomKit, body: str) -> None:
    message = InboundMessage(channel_id="chat", sender_id="ann", content=TextContent(body=body))
    await kit.process_inbound(message, room_id="r")


async def test_after_a_handoff_the_new_agent_is_told_which_words_were_the_old_ones() -> None:
    first, second = MockAIProvider(["Good morning.", "And now?"]), MockAIProvider(["I am the advisor."])
    triage, advisor = Agent("triage", provider=first), Agent("advisor", provider=second)
    async with RoomKit() as kit:
        chat = WebSocketChannel("chat")
        _, handler = ConversationPipeline(STAGES).install(kit, [triage, advisor])
        await room_with(kit, chat, triage, advisor)
        await say(kit, "Hello.")
        await handler.handle("r", "triage", {"target": "advisor", "reason": "bonds", "summary": "wants bonds"})
        await say(kit, "Bonds, please.")
        *_, asked, answered, now = told(second.calls[0])
        assert (asked, answered) == (("user", None, "Hello."), ("user", "triage", "Good morning."))
        assert now == ("user", None, "Bonds, please.")
        await handler.handle("r", "advisor", {"target": "triage", "reason": "back", "summary": "done"})
        await say(kit, "Thanks.")
        of_others = [(role, name) for role, name, _ in told(first.calls[1])][-4:]
        assert of_others == [("assistant", None), ("user", None), ("user", "advisor"), ("user", None)]


async def test_an_agent_that_answers_another_one_is_told_whom() -> None:
    first, second = MockAIProvider(["Shall we?"]), MockAIProvider(["Yes."])
    async with RoomKit(max_chain_depth=2) as kit:
        chat = WebSocketChannel("chat")
        await room_with(kit, chat, Agent("first", provider=first), Agent("second", provider=second))
        await say(kit, "Hello.")
        answers = [message[1] for message in (told(call)[-1] for call in second.calls)]
        assert answers == [None, "first"]


async def test_what_an_agent_says_is_told_by_name_to_a_model_that_hears_and_speaks() -> None:
    provider = MockRealtimeProvider()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=MockRealtimeTransport())
    async with RoomKit() as kit:
        chat = WebSocketChannel("chat")
        await room_with(kit, voice, chat, Agent("bot", provider=MockAIProvider(["The doctor is late."])))
        await voice.start_session("r", "caller", None)
        await say(kit, "Any news?")
        await asyncio.sleep(1)
        assert [text for _, text, _ in provider.injected_texts] == ["Any news?", "[bot]: The doctor is late."]


def event(source: str, kind: ChannelType, **metadata: Any) -> RoomEvent:
    return RoomEvent(
        room_id="r",
        source=EventSource(channel_id=source, channel_type=kind),
        content=TextContent(body="hello"),
        metadata=metadata,
    )


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (event("bot", ChannelType.AI), "bot"),
        (event("me", ChannelType.AI), None),
        (event("chat", ChannelType.WEBSOCKET), None),
        (event("chat", ChannelType.WEBSOCKET, role="assistant"), None),
        (event("rules", ChannelType.WEBHOOK), "rules"),
        (event("voice", ChannelType.REALTIME_VOICE, role="assistant"), "voice"),
        (event("voice", ChannelType.REALTIME_VOICE, role="user"), None),
    ],
)
def test_agents_are_named_whatever_they_are_made_of_and_people_are_not(said: RoomEvent, name: str | None) -> None:
    rules = ChannelBinding(
        channel_id="rules", room_id="r", channel_type=ChannelType.WEBHOOK, category=ChannelCategory.INTELLIGENCE
    )
    context = RoomContext(room=Room(id="r"), bindings=[rules])
    assert name_of_speaker(said, context, "me") == name
