"""The specification's traditional mode (STT, LLM, TTS) in virtual time: the same pipeline, agents with a model each."""

from __future__ import annotations

import asyncio

from roomkit_sim import (
    Agent,
    ConversationPipeline,
    MockAIProvider,
    MockSTTProvider,
    MockTTSProvider,
    MockVoiceBackend,
    PipelineStage,
    RoomKit,
    VoiceChannel,
    VoiceSession,
    get_conversation_state,
)
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.voice.audio_frame import AudioFrame

HANDOFF = AIToolCall(
    id="call-1",
    name="handoff_conversation",
    arguments={"target": "agent-advisor", "reason": "investment advice", "summary": "The caller wants to invest."},
)
TALKING = [b"\x00\x20\x00\xe0" * 160] * 20 + [b"\0\0" * 320] * 30


async def talk(backend: MockVoiceBackend, session: VoiceSession) -> None:
    for pcm in TALKING:
        await backend.simulate_audio_received(session, AudioFrame(pcm))
        await asyncio.sleep(0.02)


async def test_caller_is_handed_to_the_advisor_who_answers_in_a_voice_of_its_own() -> None:
    triage_model = MockAIProvider(ai_responses=[AIResponse(tool_calls=[HANDOFF]), AIResponse(content="One moment.")])
    advisor_model = MockAIProvider(["Bonds are steadier than shares."])
    triage = Agent(
        "agent-triage",
        provider=triage_model,
        role="Triage receptionist",
        description="Routes callers to the right specialist",
        system_prompt="Greet callers warmly. Under 30 words.",
        voice="en-US-Journey-F",
    )
    advisor = Agent(
        "agent-advisor",
        provider=advisor_model,
        role="Portfolio advisor",
        description="Provides financial and investment advice",
        system_prompt="Give concise financial advice. Under 50 words.",
        voice="en-US-Journey-D",
    )
    pipeline = ConversationPipeline(
        stages=[
            PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
            PipelineStage(phase="advising", agent_id="agent-advisor", next=None),
        ],
    )
    deepgram = MockSTTProvider(["I would like to invest.", "What is steady?"])
    elevenlabs = MockTTSProvider()
    backend = MockVoiceBackend()
    kit = RoomKit()
    voice = VoiceChannel("voice", stt=deepgram, tts=elevenlabs, backend=backend)
    kit.register_channel(voice)
    for agent in (triage, advisor):
        kit.register_channel(agent)
    pipeline.install(kit, [triage, advisor], voice_channel_id="voice")
    await kit.create_room(room_id="call-1")
    for channel_id in ("voice", "agent-triage", "agent-advisor"):
        await kit.attach_channel("call-1", channel_id)
    session = await voice.start_session("call-1", "caller-1", connection=None)

    await talk(backend, session)
    assert await voice.wait_playback_done("call-1")
    await talk(backend, session)
    assert await voice.wait_playback_done("call-1")

    assert elevenlabs.calls == [
        {"text": "One moment.", "voice": "en-US-Journey-F"},
        {"text": "Bonds are steadier than shares.", "voice": "en-US-Journey-D"},
    ]
    state = get_conversation_state(await kit.get_room("call-1"))
    assert (state.phase, state.active_agent_id, state.handoff_count) == ("advising", "agent-advisor", 1)
    [asked] = advisor_model.calls
    assert asked.messages[-1].content == "What is steady?"
    assert "Role: Portfolio advisor" in (asked.system_prompt or "")
    [tool] = triage_model.calls[0].tools
    assert tool.parameters["properties"]["target"]["enum"] == ["agent-advisor"]
    await kit.close()
