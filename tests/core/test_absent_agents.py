"""A message that is routed to an agent who is not in the room: nobody answers it, and that is reported."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim import (
    Agent,
    ConversationPipeline,
    ConversationRouter,
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
from roomkit_sim.models.enums import HookExecution, HookTrigger

pytestmark = pytest.mark.sim

STAGES = [
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor"),
]


class Desk:
    """Two agents of a pipeline in text, of whom some are attached."""

    def __init__(self, kit: RoomKit) -> None:
        self.kit = kit
        self.models = {name: MockAIProvider([f"{name} answers"]) for name in ("triage", "advisor", "boss")}
        self.agents = [Agent(name, provider=model) for name, model in self.models.items()]
        self.errors: list[Any] = []
        kit.on("error")(self.errors.append)
        for channel in (WebSocketChannel("chat"), *self.agents):
            kit.register_channel(channel)

    async def open(self, room_id: str, *agents: str) -> None:
        await self.kit.create_room(room_id)
        for channel_id in ("chat", *agents):
            await self.kit.attach_channel(room_id, channel_id)

    async def say(self, room_id: str) -> Any:
        message = InboundMessage(channel_id="chat", sender_id="ann", content=TextContent(body="hello"))
        return await self.kit.process_inbound(message, room_id=room_id)

    def missed(self) -> list[tuple[str, str]]:
        return [(event.room_id, event.channel_id) for event in self.errors]

    def asked(self) -> list[str]:
        return [name for name, model in self.models.items() for _ in model.calls]


@pytest.fixture
async def desk() -> Any:
    async with RoomKit() as kit:
        yield Desk(kit)


async def test_an_agent_that_is_not_attached_is_reported_once_a_room_and_nobody_answers_in_its_place(
    desk: Desk,
) -> None:
    ConversationPipeline(STAGES).install(desk.kit, desk.agents[:2])
    hooked: list[str] = []

    @desk.kit.hook(HookTrigger.ON_ERROR, execution=HookExecution.ASYNC)
    async def note(event: Any, context: Any) -> None:
        hooked.append(event.metadata["where"])

    for room_id in ("r", "s"):
        await desk.open(room_id, "advisor")
        for _ in range(3):
            assert not (await desk.say(room_id)).blocked
    assert desk.asked() == []
    assert desk.missed() == [("r", "triage"), ("s", "triage")]
    assert hooked == ["channel triage"] * 2
    error = desk.errors[0].data
    assert error["exception"] == "ChannelNotFoundError"
    assert "agent 'triage' does not answer" in error["message"]
    assert "call attach_channel('r', 'triage')" in error["message"]


async def test_an_agent_that_is_attached_after_the_report_answers(desk: Desk) -> None:
    ConversationPipeline(STAGES).install(desk.kit, desk.agents[:2])
    await desk.open("r", "advisor")
    await desk.say("r")
    await desk.kit.attach_channel("r", "triage")
    await desk.say("r")
    assert (desk.asked(), len(desk.errors)) == (["triage"], 1)


async def test_a_supervisor_that_is_not_attached_is_reported_too(desk: Desk) -> None:
    ConversationPipeline(STAGES, supervisor_id="boss").install(desk.kit, desk.agents[:2])
    await desk.open("r", "triage", "advisor")
    await desk.say("r")
    await desk.say("r")
    assert (desk.asked(), desk.missed()) == (["triage"] * 2, [("r", "boss")])


async def test_a_router_that_is_registered_as_a_hook_of_its_own_has_its_absent_agents_reported(desk: Desk) -> None:
    router = ConversationRouter(default_agent_id="advisor")
    desk.kit.hook(HookTrigger.BEFORE_BROADCAST, execution=HookExecution.SYNC, priority=-100)(router.as_hook())
    await desk.open("r", "triage")
    await desk.say("r")
    assert (desk.asked(), desk.missed()) == ([], [("r", "advisor")])


async def test_nobody_is_missed_where_the_agents_are_in_the_room_or_nothing_is_routed(desk: Desk) -> None:
    await desk.open("open")
    await desk.say("open")
    ConversationPipeline(STAGES).install(desk.kit, desk.agents[:2])
    await desk.open("r", "triage", "advisor")
    await desk.say("r")
    assert desk.errors == []


async def test_the_agents_of_a_speech_to_speech_call_are_not_missed(desk: Desk) -> None:
    voice = RealtimeVoiceChannel("voice", provider=MockRealtimeProvider(), transport=MockRealtimeTransport())
    desk.kit.register_channel(voice)
    ConversationPipeline(STAGES).install(desk.kit, desk.agents[:2], voice_channel_id="voice")
    await desk.open("r", "voice")
    await desk.say("r")
    assert desk.errors == []


async def test_what_was_reported_of_a_room_is_forgotten_when_it_is_closed(desk: Desk) -> None:
    ConversationPipeline(STAGES).install(desk.kit, desk.agents[:2])
    for _ in range(2):
        await desk.open("r")
        await desk.say("r")
        await desk.kit.close_room("r")
        await desk.kit.store.delete_room("r")
    assert desk.missed() == [("r", "triage")] * 2
