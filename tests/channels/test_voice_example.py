"""The specification's traditional example (STT, LLM, TTS), as printed but for the package's name and the providers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RoomKit, get_conversation_state
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.backends.wav import WavBackend
from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.stt.pocketsphinx_provider import PocketSphinxSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider
from roomkit_sim.voice.tts.pyttsx3_provider import Pyttsx3TTSProvider
from roomkit_sim.voice.wav_file import read_wav

pytestmark = pytest.mark.sim

HANDOFF = AIToolCall(
    id="call-1",
    name="handoff_conversation",
    arguments={"target": "agent-advisor", "reason": "investment advice", "summary": "wants to invest"},
)


async def say(backend: MockVoiceBackend, session) -> None:
    for pcm in [b"\x00\x20\x00\xe0" * 160] * 20 + [b"\0\0" * 320] * 30:
        await backend.simulate_audio_received(session, AudioFrame(pcm))
        await asyncio.sleep(0.02)


async def test_a_handoff_by_voice_and_the_second_agent_answers_in_its_own_voice() -> None:
    triage = Agent(
        "agent-triage",
        provider=MockAIProvider(ai_responses=[AIResponse(tool_calls=[HANDOFF]), AIResponse(content="One moment.")]),
        role="Triage receptionist",
        description="Routes callers to the right specialist",
        system_prompt="Greet callers warmly. Under 30 words.",
        voice="en-US-Journey-F",
    )
    advisor = Agent(
        "agent-advisor",
        provider=MockAIProvider(["Bonds are safer than shares."]),
        role="Portfolio advisor",
        description="Provides financial and investment advice",
        system_prompt="Give concise financial advice. Under 50 words.",
        voice="en-US-Journey-D",
    )
    deepgram = MockSTTProvider(["I want to invest.", "What is safe?"])
    elevenlabs = MockTTSProvider()
    backend = MockVoiceBackend()
    kit = RoomKit()
    voice = VoiceChannel("voice", stt=deepgram, tts=elevenlabs, backend=backend)
    kit.register_channel(voice)
    for agent in (triage, advisor):
        kit.register_channel(agent)
        voice.update_voice_map({agent.channel_id: str(agent.voice)})
    pipeline = ConversationPipeline(
        stages=[
            PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
            PipelineStage(phase="advising", agent_id="agent-advisor", next=None),
        ],
    )
    pipeline.install(kit, [triage, advisor])
    await kit.create_room(room_id="call-1")
    for channel_id in ("voice", "agent-triage", "agent-advisor"):
        await kit.attach_channel("call-1", channel_id)
    session = await voice.start_session("call-1", "caller-1", connection=None)

    await say(backend, session)
    assert await voice.wait_playback_done("call-1")
    state = get_conversation_state(await kit.get_room("call-1"))
    assert (state.phase, state.active_agent_id) == ("advising", "agent-advisor")
    assert elevenlabs.calls == [{"text": "One moment.", "voice": "en-US-Journey-F"}]

    await say(backend, session)
    assert await voice.wait_playback_done("call-1")
    assert elevenlabs.calls[1:] == [{"text": "Bonds are safer than shares.", "voice": "en-US-Journey-D"}]
    [context] = advisor.provider.calls
    assert context.messages[-1].content == "What is safe?"
    await kit.close()


async def test_a_call_from_a_file_without_any_network_real_speech_in_and_real_speech_out(tmp_path: Path) -> None:
    heard = "I have a headache since yesterday morning."
    answer = "Please come to our practice this afternoon."
    caller = next((Path(__file__).parents[2] / "scenarios" / "audio").glob("need-nurse-*.wav"))
    nurse = Agent("agent-nurse", provider=MockAIProvider([answer]))
    voice = VoiceChannel(
        "voice",
        stt=PocketSphinxSTTProvider(phrases=[heard, "What are your opening hours?"], inline=True),
        tts=Pyttsx3TTSProvider(inline=True),
        backend=WavBackend(caller, tmp_path / "agent.wav", hang_up_after_ms=3000),
        voice_map={"agent-nurse": "en-us+f3"},
    )
    kit = RoomKit()
    kit.register_channel(voice)
    kit.register_channel(nurse)
    ended = asyncio.Event()
    kit.on("session_ended")(lambda event: ended.set())
    await kit.create_room(room_id="call-1")
    await kit.attach_channel("call-1", "voice")
    await kit.attach_channel("call-1", "agent-nurse")
    await voice.start_session("call-1", "caller-1", connection=None)
    await ended.wait()

    [context] = nurse.provider.calls
    assert context.messages[-1].content == heard
    rate_hz, pcm = read_wav(tmp_path / "agent.wav")
    listener = PocketSphinxSTTProvider(phrases=[answer, heard], inline=True)
    assert (await listener.transcribe(AudioChunk(pcm, rate_hz))).text == answer
    await kit.close()
