"""What can be imported from where, and what `import roomkit_sim` does not load."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import roomkit_sim
import roomkit_sim.sim

# Code written for RoomKit finds these names under roomkit_sim (module below the package: names).
PATHS = """
orchestration.state: ConversationPhase ConversationState PhaseTransition get_conversation_state
    set_conversation_state
orchestration.router: ConversationRouter RoutingConditions RoutingRule
orchestration.pipeline: ConversationPipeline PipelineStage
orchestration.handoff: HANDOFF_TOOL HandoffHandler HandoffMemoryProvider HandoffRequest HandoffResult
    build_handoff_tool setup_handoff
channels.agent: Agent
channels.ai: AIChannel
channels.base: Channel
channels.realtime_voice: RealtimeVoiceChannel
channels.transport: TransportChannel
channels.voice: TTSPlaybackState VoiceChannel
channels.websocket: WebSocketChannel
core.event_router: EventRouter
core.framework: ChannelNotRegisteredError RoomKit RoomNotFoundError
core.hooks: HookEngine HookRegistration
core.inbound_router: DefaultInboundRoomRouter InboundRoomRouter
core.locks: InMemoryLockManager
core.router: ContentTranscoder
core.transcoder: DefaultContentTranscoder
identity.base: IdentityResolver
identity.mock: MockIdentityResolver
memory.base: MemoryProvider MemoryResult
memory.budget_aware: BudgetAwareMemory
memory.compacting: CompactingMemory
memory.mock: MockMemoryProvider
memory.sliding_window: SlidingWindowMemory
memory.token_estimator: estimate_context_tokens estimate_message_tokens estimate_tokens
models: Access AudioContent ChannelBinding ChannelCapabilities ChannelCategory ChannelDirection ChannelMediaType
    ChannelOutput ChannelType CompositeContent DeliveryResult EventSource EventStatus EventType FrameworkEvent
    HookResult IdentificationStatus Identity IdentityHookResult InboundMessage InboundResult InjectedEvent
    LocationContent MediaContent Observation Participant ParticipantRole ProviderResult RateLimit RichContent
    Room RoomContext RoomEvent RoomStatus RoomTimers SystemContent Task TaskStatus TemplateContent TextContent
    VideoContent
models.channel: ChannelBinding ChannelCapabilities ChannelOutput RetryPolicy
models.context: RoomContext
models.delivery: InboundMessage InboundResult
models.enums: Access ChannelCategory ChannelDirection ChannelMediaType ChannelType DeliveryMode EventStatus
    EventType HookExecution HookTrigger IdentificationStatus ParticipantRole ParticipantStatus RoomStatus
models.event: AudioContent CompositeContent EventContent EventSource LocationContent MediaContent RichContent
    RoomEvent SystemContent TextContent
models.framework_event: FrameworkEvent
models.hook: HookResult InjectedEvent
models.identity: Identity IdentityResult
models.participant: Participant
models.room: Room
models.session_event: SessionStartedEvent
models.task: Observation Task
providers.ai.base: AIContext AIImagePart AIMessage AIProvider AIResponse AITextPart AITool AIToolCall
    AIToolCallPart AIToolResultPart ProviderError
providers.ai.mock: MockAIProvider
store.base: ConversationStore
store.memory: InMemoryStore
voice.audio_frame: AudioFrame
voice.backends.mock: MockVoiceBackend
voice.base: AudioChunk TranscriptionResult VoiceCapability VoiceSession VoiceSessionState
voice.realtime.events: RealtimeTranscriptionEvent
voice.realtime.mock: MockRealtimeProvider MockRealtimeTransport
providers.gemini.ai: GeminiAIProvider GeminiConfig
providers.openai.ai: OpenAIAIProvider OpenAIConfig
providers.gemini.realtime: GeminiLiveProvider
providers.openai.realtime: OpenAIRealtimeProvider
voice.realtime.provider: RealtimeVoiceProvider
voice.backends.base: VoiceBackend
voice.backends.local: LocalAudioBackend
voice: AudioPipelineConfig
voice.events: BargeInEvent PartialTranscriptionEvent SpeakerChangeEvent TTSCancelledEvent TranscriptionEvent
    VADAudioLevelEvent VADSilenceEvent
voice.inbound: parse_voice_session
voice.pipeline: AudioPipelineConfig MockVADProvider
voice.pipeline.vad.base: VADEvent VADEventType
voice.stt.mock: MockSTTProvider
voice.tts.mock: MockTTSProvider
voice.stt.base: STTProvider
voice.tts.base: TTSProvider
"""

FACADES = [roomkit_sim, roomkit_sim.sim]


def parsed(table: str) -> dict[str, list[str]]:
    entries: dict[str, list[str]] = {}
    for line in table.replace("\n    ", " ").strip().splitlines():
        module, names = line.split(":")
        entries[module] = names.split()
    return entries


def each(table: str) -> list[tuple[str, str]]:
    return [(module, name) for module, names in parsed(table).items() for name in names]


def exports(facade: ModuleType) -> list[tuple[ModuleType, str]]:
    return [(facade, name) for name in facade.__all__]


def imports_for_type_checkers(facade: ModuleType) -> dict[str, str]:
    """Name to module, of the imports under `if TYPE_CHECKING:`."""
    tree = ast.parse(Path(str(facade.__file__)).read_text(encoding="utf-8"))
    guarded = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {
        alias.asname or alias.name: str(statement.module)
        for node in guarded
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


@pytest.mark.parametrize(
    ("facade", "name"),
    [pair for facade in FACADES for pair in exports(facade)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_name_of_a_facade_can_be_loaded(facade: ModuleType, name: str) -> None:
    assert getattr(facade, name) is getattr(importlib.import_module(imports_for_type_checkers(facade)[name]), name)
    assert name in dir(facade)


@pytest.mark.parametrize("facade", FACADES, ids=lambda facade: facade.__name__)
def test_what_type_checkers_see_is_what_is_loaded(facade: ModuleType) -> None:
    homes = {name: module for module, names in facade._HOMES.items() for name in names}
    assert imports_for_type_checkers(facade) == homes
    assert sorted(homes) == facade.__all__


@pytest.mark.parametrize("facade", FACADES, ids=lambda facade: facade.__name__)
def test_a_name_that_a_facade_does_not_have_is_an_attribute_error(facade: ModuleType) -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        facade.Nonsense  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize(("module", "name"), each(PATHS))
def test_a_name_is_found_at_its_documented_path(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(f"roomkit_sim.{module}"), name)


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import roomkit_sim", ["numpy", "pydantic", "google", "openai", "websockets", "pytest", "pandas"]),
        ("import roomkit_sim.sim", ["numpy", "pydantic", "google", "openai", "websockets", "pytest", "pandas"]),
        (
            "from roomkit_sim import Agent, ConversationPipeline, RoomKit",
            ["numpy", "google", "openai", "websockets", "pytest", "pandas", "roomkit_sim.sim", "roomkit_sim.testing"],
        ),
    ],
    ids=["runtime", "harness", "text runtime"],
)
def test_an_import_loads_no_more_than_it_needs(statement: str, unwanted: list[str]) -> None:
    script = f"import sys\n{statement}\nprint([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
