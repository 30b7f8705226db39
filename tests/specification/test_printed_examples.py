"""The examples that the specification prints run as they stand, with the package's name changed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from roomkit_sim import (
    Agent,
    AIChannel,
    ConversationPipeline,
    ConversationRouter,
    HookExecution,
    HookTrigger,
    InboundMessage,
    MockAIProvider,
    MockRealtimeProvider,
    MockRealtimeTransport,
    MockSTTProvider,
    MockTTSProvider,
    PipelineStage,
    RealtimeVoiceChannel,
    RoomKit,
    RoutingConditions,
    RoutingRule,
    TextContent,
    VoiceChannel,
    WebSocketChannel,
    get_conversation_state,
)
from roomkit_sim.providers.gemini.ai import GeminiAIProvider, GeminiConfig

EXAMPLES = sorted(path.stem for path in (Path(__file__).parent / "printed").glob("*.txt"))


class SilentStream:
    """A stream of a sound card that nobody speaks into."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> MockRealtimeProvider:
    """In place of Gemini Live; beside it a sound card without sound."""
    provider = MockRealtimeProvider()
    sound = ModuleType("sounddevice")
    sound.RawInputStream = sound.RawOutputStream = SilentStream  # type: ignore[attr-defined]
    sound.PortAudioError = OSError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    monkeypatch.setattr("roomkit_sim.providers.gemini.realtime.GeminiLiveProvider", lambda *, api_key: provider)
    return provider


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_those_of_the_pages(example: str, pages: str) -> None:
    printed = _lines((Path(__file__).parent / "printed" / f"{example}.txt").read_text())
    assert "\n".join(printed) in "\n".join(_lines(pages))


async def test_the_quick_start_starts_a_call_with_the_receptionist_who_can_hand_it_to_the_advisor(
    provider: MockRealtimeProvider, run_printed: Any
) -> None:
    names = await run_printed("quick_start")
    kit: RoomKit = names["kit"]
    session = names["session"]
    [connected] = provider.calls_of("connect")
    assert connected.args["voice"] == "Aoede"
    assert connected.args["system_prompt"] == (
        "Greet callers. Ask what they need. Under 30 words.\n--- Agent Identity ---\n"
        "Role: Triage receptionist\nDescription: Routes callers to the right specialist"
    )
    assert session.metadata["transport_sample_rate"] == 24000
    assert sorted(kit.channels) == ["voice"], "config-only agents are no channels"

    completed = asyncio.Event()

    async def on_complete(room_id: str, result: object) -> None:
        completed.set()

    names["handler"].on_handoff_complete = on_complete
    arguments = {"target": "agent-advisor", "reason": "advice", "summary": "wants to invest"}
    await provider.simulate_tool_call(session, "c1", "handoff_conversation", arguments)
    await completed.wait()

    [(_, call_id, told)] = provider.tool_results
    assert (call_id, json.loads(told)["accepted"]) == ("c1", True)
    [switched] = provider.calls_of("reconfigure")
    assert (switched.args["voice"], switched.args["tools"]) == ("Charon", [])
    state = get_conversation_state(await kit.get_room("call-1"))
    assert (state.phase, state.active_agent_id) == ("advising", "agent-advisor")
    await kit.close()


async def test_both_modes_define_their_agents_alike_and_differ_in_the_model(run_printed: Any) -> None:
    traditional = await run_printed(
        "traditional",
        Agent=Agent,
        GeminiAIProvider=GeminiAIProvider,
        config=GeminiConfig(api_key="none"),
        VoiceChannel=VoiceChannel,
        deepgram=MockSTTProvider(),
        elevenlabs=MockTTSProvider(),
    )
    assert not traditional["triage"].is_config_only
    assert traditional["triage"].voice == "en-US-Journey-F"
    assert isinstance(traditional["voice"], VoiceChannel)
    speech = await run_printed(
        "speech_to_speech",
        Agent=Agent,
        GeminiLiveProvider=lambda _: MockRealtimeProvider(),
        # The page prints `transport=...`.
        RealtimeVoiceChannel=lambda name, provider, transport: RealtimeVoiceChannel(
            name, provider=provider, transport=MockRealtimeTransport()
        ),
    )
    assert speech["triage"].is_config_only
    assert isinstance(speech["triage"], AIChannel)
    assert speech["triage"].system_prompt == traditional["triage"].system_prompt
    assert speech["voice"].channel_id == "voice"


async def test_an_agent_is_defined_with_and_without_a_provider(run_printed: Any) -> None:
    names = await run_printed("agents", Agent=Agent, GeminiAIProvider=lambda _: MockAIProvider(["Hello."]), config=None)
    assert names["triage"].is_config_only, "the second definition has no provider"
    assert names["triage"].voice == "Aoede"
    assert names["triage"].build_identity_block() == (
        "\n--- Agent Identity ---\nRole: Triage receptionist\nDescription: Routes callers to the right specialist"
    )


async def test_the_pipeline_of_four_stages_gives_a_router(run_printed: Any) -> None:
    names = await run_printed("pipeline", ConversationPipeline=ConversationPipeline, PipelineStage=PipelineStage)
    pipeline, router = names["pipeline"], names["router"]
    assert [rule.agent_id for rule in router.rules] == [
        "agent-discuss",
        "agent-coder",
        "agent-reviewer",
        "agent-writer",
    ]
    assert (router.default_agent_id, router.supervisor_id) == ("agent-discuss", "agent-supervisor")
    assert pipeline.get_allowed_transitions()["review"] == {"report", "coding"}
    assert pipeline.get_allowed_transitions()["report"] == set()
    assert pipeline.get_phase_map()["agent-writer"] == "report"


async def test_a_router_is_registered_as_the_page_registers_it(run_printed: Any) -> None:
    kit = RoomKit()

    def router_of_the_page(rules: list[Any], **more: Any) -> ConversationRouter:
        assert rules == [...], "the page leaves the rules out"
        conditions = RoutingConditions(intents={"billing"})
        return ConversationRouter([RoutingRule(agent_id="agent-billing", conditions=conditions)], **more)

    names = await run_printed(
        "router", ConversationRouter=router_of_the_page, kit=kit, HookTrigger=HookTrigger, HookExecution=HookExecution
    )
    [hook] = kit.hook_engine.hooks_for("any", HookTrigger.BEFORE_BROADCAST)
    assert (hook.priority, hook.execution) == (-100, HookExecution.SYNC)
    billing, supervisor = (
        Agent("agent-billing", provider=(bill := MockAIProvider(["Paid."]))),
        Agent("agent-supervisor", provider=(watch := MockAIProvider(["Noted."]))),
    )
    triage = Agent("agent-triage", provider=(other := MockAIProvider(["Hello."])))
    kit.register_channel(chat := WebSocketChannel("chat"))
    await kit.create_room("r")
    for channel in (chat, billing, supervisor, triage):
        kit.register_channel(channel)
        await kit.attach_channel("r", channel.channel_id)
    content = TextContent(body="My bill?")
    await kit.process_inbound(
        InboundMessage(channel_id="chat", sender_id="p", content=content, metadata={"intent": "billing"}), room_id="r"
    )
    assert (len(bill.calls), len(watch.calls), len(other.calls)) == (1, 1, 0)
    assert names["router"].default_agent_id == "agent-triage"
