"""A call on a speech-to-speech line with two agents, triage and advisor, and all that is reported about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RealtimeVoiceChannel, RoomKit
from roomkit_sim.core.clock import use_clock
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.framework_event import FrameworkEvent
from roomkit_sim.orchestration.handoff import HandoffHandler
from roomkit_sim.orchestration.state import ConversationState, get_conversation_state
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport

ROOM = "call-1"
TO_ADVISOR = {"target": "advisor", "reason": "advice", "summary": "wants bonds"}
STAGES = (
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor"),
)


def two_agents(language: str | None = None) -> list[Agent]:
    return [
        Agent("triage", role="Receptionist", voice="Aoede"),
        Agent("advisor", role="Advisor", voice="Charon", language=language),
    ]


class LoopClock:
    """Tells the time of the loop, which is virtual."""

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time())

    def monotonic_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9)


async def a_while(seconds: float = 1.0) -> None:
    """Let virtual time pass, and with it all that is under way."""
    await asyncio.sleep(seconds)


@dataclass
class Line:
    """One kit with one channel, one room and, after :meth:`call`, one caller."""

    kit: RoomKit
    voice: RealtimeVoiceChannel
    provider: Any
    transport: MockRealtimeTransport
    handler: HandoffHandler
    events: list[FrameworkEvent] = field(default_factory=list)

    async def call(self, room_id: str = ROOM, **metadata: Any) -> VoiceSession:
        return await self.voice.start_session(room_id, "caller", None, metadata=metadata)

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.type == event_type]

    @property
    def errors(self) -> list[str]:
        return [f"{data['where']}: {data['message']}" for data in self.of("error")]

    async def state(self) -> ConversationState:
        return get_conversation_state(await self.kit.get_room(ROOM))

    async def timeline(self) -> list[str]:
        """What is written down of the call: the words, each with who said them."""
        events = await self.kit.store.list_events(ROOM, limit=500)
        return [
            f"{event.metadata.get('role', 'notice')}: {event.content.body}"
            for event in events
            if isinstance(event.content, TextContent)
        ]

    def client_messages(self, kind: str) -> list[dict[str, Any]]:
        return [message for _, message in self.transport.sent_messages if message["type"] == kind]


@asynccontextmanager
async def line(
    provider: Any = None,
    *,
    agents: list[Agent] | None = None,
    channel: dict[str, Any] | None = None,
    transport: MockRealtimeTransport | None = None,
    **install: Any,
) -> AsyncIterator[Line]:
    """A line that is open until the context ends."""
    kit = RoomKit()
    provider = provider or MockRealtimeProvider()
    transport = transport or MockRealtimeTransport()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport, **(channel or {}))
    kit.register_channel(voice)
    pipeline = ConversationPipeline(stages=list(STAGES))
    _, handler = pipeline.install(kit, agents or two_agents(), voice_channel_id="voice", **install)
    await kit.create_room(ROOM)
    await kit.attach_channel(ROOM, "voice")
    made = Line(kit, voice, provider, transport, handler)
    kit.on("*")(made.events.append)
    with use_clock(LoopClock()):
        try:
            yield made
        finally:
            await kit.close()
