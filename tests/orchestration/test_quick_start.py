"""The specification's quick start, as printed but for the package's name and the two ends of the line."""

from __future__ import annotations

import asyncio
import json

from roomkit_sim import (
    Agent,
    ConversationPipeline,
    PipelineStage,
    RealtimeVoiceChannel,
    RoomKit,
    get_conversation_state,
)
from roomkit_sim.channels.ai import AIChannel
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport


async def test_the_first_handoff_of_the_quick_start_is_accepted_and_the_advisor_takes_over() -> None:
    # 1. Define agents (no provider — config-only for speech-to-speech)
    triage = Agent(
        "agent-triage",
        role="Triage receptionist",
        description="Routes callers to the right specialist",
        system_prompt="Greet callers. Ask what they need. Under 30 words.",
        voice="Aoede",
    )
    advisor = Agent(
        "agent-advisor",
        role="Portfolio advisor",
        description="Provides financial and investment advice",
        system_prompt="Give concise financial advice. Under 50 words.",
        voice="Charon",
    )
    assert isinstance(triage, AIChannel)

    # 2. Define pipeline (same as traditional orchestration)
    pipeline = ConversationPipeline(
        stages=[
            PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
            PipelineStage(phase="advising", agent_id="agent-advisor", next=None),
        ],
    )

    # 3. Create RealtimeVoiceChannel
    kit = RoomKit()
    provider = MockRealtimeProvider()
    transport = MockRealtimeTransport()
    voice = RealtimeVoiceChannel(
        "voice",
        provider=provider,
        transport=transport,
    )
    kit.register_channel(voice)

    # 4. One-liner: wires everything (detects RealtimeVoiceChannel automatically)
    _router, handler = pipeline.install(kit, [triage, advisor], voice_channel_id="voice")

    # 5. Create room, start session — same as any realtime voice app
    await kit.create_room(room_id="call-1")
    await kit.attach_channel("call-1", "voice")
    session = await voice.start_session("call-1", "caller-1", connection=None)

    [connected] = provider.calls_of("connect")
    assert connected.args["system_prompt"] == (
        "Greet callers. Ask what they need. Under 30 words.\n--- Agent Identity ---\n"
        "Role: Triage receptionist\nDescription: Routes callers to the right specialist"
    )
    assert connected.args["voice"] == "Aoede"
    [tool] = connected.args["tools"]
    assert tool["parameters"]["properties"]["target"]["enum"] == ["agent-advisor"]
    assert "Provides financial and investment advice" in tool["parameters"]["properties"]["target"]["description"]
    assert "agent-triage" not in kit.channels

    completed = asyncio.Event()

    async def on_complete(room_id: str, result: object) -> None:
        completed.set()

    handler.on_handoff_complete = on_complete
    arguments = {"target": "agent-advisor", "reason": "investment advice", "summary": "wants to invest"}
    await provider.simulate_tool_call(session, "call-a", "handoff_conversation", arguments)
    await completed.wait()

    [(_, call_id, text)] = provider.tool_results
    told = json.loads(text)
    assert (call_id, told["accepted"], told["new_agent_id"]) == ("call-a", True, "agent-advisor")
    [reconfigured] = provider.calls_of("reconfigure")
    assert reconfigured.args["voice"] == "Charon"
    assert reconfigured.args["system_prompt"].startswith("Give concise financial advice.")
    assert reconfigured.args["tools"] == []
    state = get_conversation_state(await kit.get_room("call-1"))
    assert (state.phase, state.active_agent_id, state.previous_agent_id) == (
        "advising",
        "agent-advisor",
        "agent-triage",
    )
    await kit.close()
