"""The quick start of RoomKit's page on speech to speech, on the caller's line instead of the sound card."""

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RealtimeVoiceChannel, RoomKit
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.sim import Call, PhoneLine


async def answer(line: PhoneLine) -> Call:
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
    pipeline = ConversationPipeline(
        stages=[
            PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
            PipelineStage(phase="advising", agent_id="agent-advisor", next=None),
        ],
    )
    kit = RoomKit()
    provider = GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY"))
    voice = RealtimeVoiceChannel(
        "voice",
        provider=provider,
        transport=line.transport,
    )
    kit.register_channel(voice)
    pipeline.install(kit, [triage, advisor], voice_channel_id="voice")
    await kit.create_room(room_id=line.call_id)
    await kit.attach_channel(line.call_id, "voice")
    session = await voice.start_session(line.call_id, "caller-1", connection=line.connection)
    return Call(kit, session)
