"""Rooms with agents in them, in text and in speech, ready for a handoff."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.models.delivery import InboundMessage, InboundResult
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent, TextContent
from roomkit_sim.models.framework_event import FrameworkEvent
from roomkit_sim.orchestration.handler import HandoffHandler
from roomkit_sim.orchestration.pipeline import ConversationPipeline, PipelineStage
from roomkit_sim.orchestration.router import ConversationRouter
from roomkit_sim.orchestration.state import ConversationState, get_conversation_state
from roomkit_sim.providers.ai.base import AIContext, AIProvider, AIResponse, AIToolCall
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport

ROOM = "call-1"
HANDOFF = "handoff_conversation"


class ScriptedModel(AIProvider):
    """Gives the scripted answers one after the other, then ``"<name> answers"`` for ever."""

    def __init__(self, name: str, *script: AIResponse) -> None:
        self._name = name
        self.script = list(script)
        self.calls: list[AIContext] = []

    @property
    def model_name(self) -> str:
        return "scripted"

    async def generate(self, context: AIContext) -> AIResponse:
        self.calls.append(context.model_copy(deep=True))
        return self.script.pop(0) if self.script else AIResponse(content=f"{self._name} answers")


@dataclass
class Observed:
    """The framework events of a kit, and the handoff hooks that ran, in order."""

    events: list[FrameworkEvent] = field(default_factory=list)
    hooks: list[tuple[str, RoomEvent]] = field(default_factory=list)

    def of(self, event_type: str) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.type == event_type]

    def types(self, *wanted: str) -> list[str]:
        return [event.type for event in self.events if event.type in wanted]

    @property
    def routes(self) -> list[tuple[str, str]]:
        return [(data["agent"], data["why"]) for data in self.of("agent_routed")]

    @property
    def hook_names(self) -> list[str]:
        return [name for name, _ in self.hooks]


async def _yield() -> None:
    """Let everything run that is ready, and what that makes ready."""
    for _ in range(50):
        await asyncio.sleep(0)


def _observe(kit: RoomKit) -> Observed:
    observed = Observed()

    @kit.on("*")
    def take(event: FrameworkEvent) -> None:
        observed.events.append(event)

    def watch(trigger: HookTrigger) -> None:
        @kit.hook(trigger, execution=HookExecution.ASYNC)
        async def took_place(event: RoomEvent, context: Any) -> None:
            observed.hooks.append((trigger.value, event))

    for trigger in (HookTrigger.ON_HANDOFF, HookTrigger.ON_HANDOFF_REJECTED, HookTrigger.ON_PHASE_TRANSITION):
        watch(trigger)
    return observed


@dataclass
class Desk:
    """A kit with a pipeline, one room, and what can be asked of them."""

    kit: RoomKit
    router: ConversationRouter
    handler: HandoffHandler
    observed: Observed
    agents: dict[str, Agent]

    async def state(self, room_id: str = ROOM) -> ConversationState:
        return get_conversation_state(await self.kit.get_room(room_id))

    async def timeline(self, room_id: str = ROOM) -> list[RoomEvent]:
        return await self.kit.store.list_events(room_id, limit=500)

    async def handle(self, caller: str, target: Any, room_id: str = ROOM, **more: Any) -> Any:
        arguments = {"target": target, "reason": "asked for it", "summary": f"summary of {caller}", **more}
        return await self.handler.handle(room_id, caller, arguments)


@dataclass
class TextDesk(Desk):
    """Agents that answer text; the person writes on the channel ``chat``."""

    received: list[dict[str, Any]] = field(default_factory=list)

    def model(self, agent_id: str) -> ScriptedModel:
        model = self.agents[agent_id].provider
        assert isinstance(model, ScriptedModel)
        return model

    def calls(self) -> dict[str, int]:
        return {agent_id: len(self.model(agent_id).calls) for agent_id in self.agents}

    async def say(self, text: str, room_id: str = ROOM, **metadata: Any) -> InboundResult:
        message = InboundMessage(
            channel_id="chat", sender_id="person", content=TextContent(body=text), metadata=metadata
        )
        result = await self.kit.process_inbound(message, room_id=room_id)
        await self.kit.background.drain()
        return result

    def spoken(self) -> list[tuple[str, str]]:
        """Who said what to the person."""
        return [
            (event["source"]["channel_id"], event["content"]["body"])
            for event in self.received
            if event["type"] == "message"
        ]


@dataclass
class VoiceDesk(Desk):
    """Agents that are configurations of one speech-to-speech channel, ``voice``."""

    provider: MockRealtimeProvider
    transport: MockRealtimeTransport
    voice: RealtimeVoiceChannel
    _numbers: int = 0

    async def call(self, room_id: str = ROOM, **metadata: Any) -> VoiceSession:
        return await self.voice.start_session(room_id, "caller", None, metadata=metadata)

    async def settle(self) -> None:
        """Until nothing is under way any more."""
        await _yield()
        while running := [task for task in asyncio.all_tasks() if task.get_name().startswith("tool ")]:
            await asyncio.gather(*running, return_exceptions=True)
            await _yield()

    async def tool_call(self, session: VoiceSession, target: Any, **more: Any) -> dict[str, Any]:
        """The model of a session asks for a handoff; the result that it was told."""
        call_id = await self.begin_tool_call(session, target, **more)
        await self.settle()
        return self.told(call_id)

    async def begin_tool_call(self, session: VoiceSession, target: Any, **more: Any) -> str:
        self._numbers += 1
        call_id = f"call-{self._numbers}"
        arguments = {"target": target, "reason": "asked for it", "summary": "wants bonds", **more}
        await self.provider.simulate_tool_call(session, call_id, HANDOFF, arguments)
        return call_id

    def told(self, call_id: str) -> dict[str, Any]:
        [text] = [result for _, called, result in self.provider.tool_results if called == call_id]
        result: dict[str, Any] = json.loads(text)
        return result

    def config(self, session: VoiceSession) -> tuple[str | None, str | None, list[str]]:
        """Prompt, voice and tool names with which a session runs."""
        config = self.voice.session_config(session)
        return config.system_prompt, config.voice, [tool["name"] for tool in config.tools or ()]


STAGES = (
    PipelineStage(phase="triage", agent_id="triage", next="advising"),
    PipelineStage(phase="advising", agent_id="advisor", next="closing", can_return_to={"triage"}),
    PipelineStage(phase="closing", agent_id="closer"),
)


@pytest.fixture
def stages() -> tuple[PipelineStage, ...]:
    """triage -> advising -> closing, and back from advising to triage."""
    return STAGES


@pytest.fixture
def handoff_call() -> Callable[..., AIResponse]:
    """A model's answer that calls the handoff tool."""

    def answer(target: Any, call_id: str = "t1", **more: Any) -> AIResponse:
        arguments = {"target": target, "reason": "asked for it", "summary": "wants bonds", **more}
        return AIResponse(tool_calls=[AIToolCall(id=call_id, name=HANDOFF, arguments=arguments)])

    return answer


@pytest.fixture
def model() -> type[ScriptedModel]:
    """A model that answers by a script."""
    return ScriptedModel


@pytest.fixture
def observe() -> Callable[[RoomKit], Observed]:
    """Record the framework events and handoff hooks of a kit."""
    return _observe


@pytest.fixture
def text_desk() -> Callable[..., Any]:
    """Build a room with text agents and a pipeline."""

    async def build(
        *, stages: Sequence[PipelineStage] = STAGES, agents: Sequence[Agent] | None = None, **install: Any
    ) -> TextDesk:
        supervisor = install.pop("supervisor_id", None)
        kit = RoomKit(store=install.pop("store", None))
        observed = _observe(kit)
        ids = dict.fromkeys(stage.agent_id for stage in stages)
        given = list(agents) if agents is not None else [Agent(name, provider=ScriptedModel(name)) for name in ids]
        router, handler = ConversationPipeline(stages, supervisor_id=supervisor).install(kit, given, **install)
        chat = WebSocketChannel("chat")
        kit.register_channel(chat)
        await kit.create_room(ROOM)
        await kit.attach_channel(ROOM, "chat")
        for agent in given:
            kit.register_channel(agent)
            await kit.attach_channel(ROOM, agent.channel_id)
        desk = TextDesk(kit, router, handler, observed, {agent.channel_id: agent for agent in given})

        async def receive(event: dict[str, Any]) -> None:
            desk.received.append(event)

        chat.connect("browser", receive, room_id=ROOM)
        return desk

    return build


@pytest.fixture
def voice_desk() -> Callable[..., Any]:
    """Build a room with speech-to-speech agents and a pipeline."""

    async def build(
        *,
        stages: Sequence[PipelineStage] = STAGES,
        agents: Sequence[Agent] | None = None,
        fail: Callable[[str], Exception | None] | None = None,
        channel: dict[str, Any] | None = None,
        provider: MockRealtimeProvider | None = None,
        **install: Any,
    ) -> VoiceDesk:
        kit = RoomKit()
        observed = _observe(kit)
        ids = dict.fromkeys(stage.agent_id for stage in stages)
        given = list(
            agents
            if agents is not None
            else [Agent(name, system_prompt=f"You are {name}.", voice=f"Voice of {name}") for name in ids]
        )
        provider = provider or MockRealtimeProvider(fail=fail)
        transport = MockRealtimeTransport()
        voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport, **(channel or {}))
        kit.register_channel(voice)
        router, handler = ConversationPipeline(stages).install(kit, given, voice_channel_id="voice", **install)
        assert handler.realtime is not None
        handler.realtime.policy = replace(handler.realtime.policy, pause_seconds=0.0)
        await kit.create_room(ROOM)
        await kit.attach_channel(ROOM, "voice")
        by_id = {agent.channel_id: agent for agent in given}
        return VoiceDesk(kit, router, handler, observed, by_id, provider, transport, voice)

    return build
