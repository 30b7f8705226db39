"""A conversation outlives its process: a new kit on the same database goes on where the old one stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models import ChannelCategory, EventType, RoomStatus
from roomkit_sim.models.delivery import InboundMessage, InboundResult
from roomkit_sim.models.event import TextContent
from roomkit_sim.orchestration.pipeline import ConversationPipeline, PipelineStage
from roomkit_sim.orchestration.state import get_conversation_state
from roomkit_sim.providers.ai.base import AIContext, AIProvider, AIResponse, AIToolCall
from roomkit_sim.store.sql import SQLStore

STAGES = [
    PipelineStage(phase="intake", agent_id="triage", next="handling"),
    PipelineStage(phase="handling", agent_id="advisor"),
]
SAID = ("I want to invest", "and save taxes", "advisor answers", "are you still there?")
TO_ADVISOR = {"target": "advisor", "reason": "wants advice", "summary": "asks about funds"}


@dataclass
class Model(AIProvider):
    """Gives the scripted answers, then says its name; keeps what it was shown."""

    who: str
    script: list[AIResponse] = field(default_factory=list)
    shown: list[AIContext] = field(default_factory=list)

    @property
    def model_name(self) -> str:
        return "scripted"

    async def generate(self, context: AIContext) -> AIResponse:
        self.shown.append(context.model_copy(deep=True))
        return self.script.pop(0) if self.script else AIResponse(content=f"{self.who} answers")


@dataclass
class Process:
    """What one process of the application builds."""

    url: str
    models: dict[str, Model] = field(default_factory=lambda: {"triage": Model("triage"), "advisor": Model("advisor")})
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kit = RoomKit(store=SQLStore(self.url))
        chat = WebSocketChannel("chat")
        chat.connect("browser", self._hear)
        self.kit.register_channel(chat)
        self.agents = [Agent(name, provider=model, role=name) for name, model in self.models.items()]
        for agent in self.agents:
            self.kit.register_channel(agent)
        ConversationPipeline(STAGES).install(self.kit, self.agents)

    async def _hear(self, event: dict[str, Any]) -> None:
        if event["type"] == EventType.MESSAGE:
            self.heard.append(event["content"]["body"])

    async def begin(self) -> None:
        await self.kit.create_room("room")
        await self.kit.attach_channel("room", "chat")
        for agent in self.agents:
            await self.kit.attach_channel("room", agent.channel_id, category=ChannelCategory.INTELLIGENCE)

    async def say(self, body: str, key: str | None = None) -> InboundResult:
        content = TextContent(body=body)
        message = InboundMessage(channel_id="chat", sender_id="ann", content=content, idempotency_key=key)
        return await self.kit.process_inbound(message, room_id="room")


async def test_a_new_kit_goes_on_with_the_same_agent_and_history(url: str) -> None:
    first = Process(url)
    await first.begin()
    call = AIToolCall(id="1", name="handoff_conversation", arguments=TO_ADVISOR)
    first.models["triage"].script.append(AIResponse(tool_calls=[call]))
    await first.say("I want to invest", key="message-1")
    await first.say("and save taxes")
    assert first.heard[-1] == "advisor answers"
    room = await first.kit.get_room("room")
    timeline = await first.kit.store.list_events("room", limit=1000)
    await first.kit.close()

    second = Process(url)
    assert await second.kit.get_room("room") == room
    assert await second.kit.store.list_events("room", limit=1000) == timeline
    assert (await second.say("I want to invest", key="message-1")).reason == "duplicate"
    await second.say("are you still there?")

    assert second.heard == ["advisor answers"]
    assert second.models["triage"].shown == []
    (context,) = second.models["advisor"].shown
    prompt = [message.content for message in context.messages]
    assert [text for text in prompt if text in SAID] == list(SAID)
    after = await second.kit.get_room("room")
    state = get_conversation_state(after)
    assert (state.phase, state.active_agent_id, state.handoff_count) == ("handling", "advisor", 1)
    assert state.phase_history == get_conversation_state(room).phase_history
    indices = [event.index for event in await second.kit.store.list_events("room", limit=1000)]
    assert indices == list(range(len(timeline) + 2)), "the question and the answer came behind the old timeline"
    await second.kit.close()


async def test_a_room_that_was_closed_stays_closed(url: str) -> None:
    first = Process(url)
    await first.begin()
    closed = await first.kit.close_room("room")
    await first.kit.close()
    second = Process(url)
    assert await second.kit.get_room("room") == closed
    assert closed.status is RoomStatus.CLOSED
    assert (await second.say("hello?")).blocked
    await second.kit.close()
