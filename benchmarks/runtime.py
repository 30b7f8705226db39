"""What the runtime itself costs: nothing waits, nothing goes over a network, models answer at once."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from roomkit_sim import (
    Agent,
    ConversationPipeline,
    FrameworkEvent,
    InboundMessage,
    MockAIProvider,
    MockRealtimeProvider,
    MockRealtimeTransport,
    PipelineStage,
    RealtimeVoiceChannel,
    RoomKit,
    TextContent,
    VoiceSession,
    WebSocketChannel,
)

ROOMS = (10, 1_000, 10_000)
BATCH = 40
ROUNDS = 15
STAGES = [
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor", can_return_to={"triage"}),
]


class VoiceRooms:
    """A kit with so many rooms and a call in each."""

    def __init__(self, rooms: int) -> None:
        self.rooms = rooms
        self.kit = RoomKit()
        self.provider = MockRealtimeProvider()
        self.voice = RealtimeVoiceChannel("voice", provider=self.provider, transport=MockRealtimeTransport())
        self._begun = 0
        self._completed = asyncio.Event()

    async def open(self) -> None:
        self.kit.register_channel(self.voice)
        agents = [Agent("triage", role="Receptionist", voice="Aoede"), Agent("advisor", role="Advisor", voice="Charon")]
        _, handler = ConversationPipeline(STAGES).install(self.kit, agents, voice_channel_id="voice")
        handler.on_handoff_complete = self._done
        for _ in range(self.rooms):
            await self._call()

    async def _done(self, room_id: str, result: object) -> None:
        self._completed.set()

    async def _call(self) -> VoiceSession:
        self._begun += 1
        room = await self.kit.create_room(f"room-{self._begun}")
        await self.kit.attach_channel(room.id, "voice")
        return await self.voice.start_session(room.id, "caller", None)

    async def _hand_over(self, session: VoiceSession) -> None:
        self._completed.clear()
        arguments = {"target": "advisor", "reason": "asked for it", "summary": "so far"}
        await self.provider.simulate_tool_call(session, "call", "handoff_conversation", arguments)
        await self._completed.wait()

    async def batch(self) -> float:
        """CPU seconds of one accepted handoff, tool call in to new configuration out, each in a fresh call."""
        sessions = [await self._call() for _ in range(BATCH)]
        begin = time.process_time()
        for session in sessions:
            await self._hand_over(session)
        took = time.process_time() - begin
        assert len(self.provider.tool_results) == BATCH, "every handoff was answered"
        assert len(self.provider.calls_of("reconfigure")) == BATCH, "and every session switched"
        for record in (self.provider.calls, self.provider.tool_results):
            record.clear()
        for session in sessions:
            await self.voice.end_session(session)
            await self.kit.store.delete_room(session.room_id)
        return took / BATCH

    async def count_events(self) -> int:
        """The framework events of one handoff."""
        session = await self._call()
        seen: list[FrameworkEvent] = []
        self.kit.on("*")(seen.append)
        await self._hand_over(session)
        return len(seen)


class TextRooms:
    """A kit with so many rooms, two agents in each; people write in some."""

    def __init__(self, rooms: int) -> None:
        self.rooms = rooms
        self.kit = RoomKit()
        self.models = [MockAIProvider(["Hello."]), MockAIProvider(["Yes?"])]

    async def open(self) -> None:
        agents = [Agent(name, provider=m) for name, m in zip(("triage", "advisor"), self.models, strict=True)]
        ConversationPipeline(STAGES).install(self.kit, agents)
        for channel in (WebSocketChannel("chat"), *agents):
            self.kit.register_channel(channel)
        for number in range(self.rooms):
            await self.kit.create_room(f"room-{number}")
            for channel_id in ("chat", "triage", "advisor"):
                await self.kit.attach_channel(f"room-{number}", channel_id)

    async def batch(self) -> float:
        """CPU seconds of one message and its answer, in rooms with a history."""
        begin = time.process_time()
        for number in range(BATCH):
            message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body="Hello?"))
            result = await self.kit.process_inbound(message, room_id=f"room-{number % 10}")
            assert not result.blocked
        took = time.process_time() - begin
        assert [len(model.calls) for model in self.models] == [BATCH, 0], "one answer to each message"
        self.models[0].calls.clear()
        return took / BATCH


async def _alternating(kind: type[VoiceRooms] | type[TextRooms]) -> list[float]:
    """Median seconds for each number of rooms, measured by turns, so that noise of the machine strikes all alike."""
    kits = [kind(rooms) for rooms in ROOMS]
    for kit in kits:
        await kit.open()
        await kit.batch()
    seconds: list[list[float]] = [[] for _ in kits]
    for _ in range(ROUNDS):
        for taken, kit in zip(seconds, kits, strict=True):
            taken.append(await kit.batch())
    return [median(taken) for taken in seconds]


async def _events() -> int:
    rooms = VoiceRooms(1)
    await rooms.open()
    return await rooms.count_events()


def run() -> tuple[int, list[float], list[float]]:
    """Events of one handoff; seconds of a handoff, and of a message with its answer, for each of ``ROOMS``."""
    return asyncio.run(_events()), asyncio.run(_alternating(VoiceRooms)), asyncio.run(_alternating(TextRooms))
