"""A software house on the phone: analysis, coding, review and report, with a way back from review to coding."""

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RealtimeVoiceChannel, RoomKit
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim import Call, PhoneLine
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider

ROLES = {
    "agent-discuss": "Requirements analyst",
    "agent-coder": "Programmer",
    "agent-reviewer": "Code reviewer",
    "agent-writer": "Report writer",
}


def pipeline() -> ConversationPipeline:
    return ConversationPipeline(
        stages=[
            PipelineStage(phase="analysis", agent_id="agent-discuss", next="coding"),
            PipelineStage(phase="coding", agent_id="agent-coder", next="review"),
            PipelineStage(phase="review", agent_id="agent-reviewer", next="report", can_return_to={"coding"}),
            PipelineStage(phase="report", agent_id="agent-writer", next=None),
        ],
    )


async def answer(line: PhoneLine) -> Call:
    provider = GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY"))
    return await _answer(line, provider, voices=["Aoede", "Charon", "Kore", "Puck"])


async def answer_with_openai(line: PhoneLine) -> Call:
    provider = OpenAIRealtimeProvider(api_key=line.secret("OPENAI_API_KEY"))
    return await _answer(line, provider, voices=["marin", "cedar", "coral", "ash"])


async def _answer(line: PhoneLine, provider: RealtimeVoiceProvider, voices: list[str]) -> Call:
    kit = RoomKit()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=line.transport)
    kit.register_channel(voice)
    agents = [
        Agent(name, role=role, voice=tone, system_prompt="Be brief.")
        for (name, role), tone in zip(ROLES.items(), voices, strict=True)
    ]
    pipeline().install(kit, agents, voice_channel_id="voice", greet_on_handoff=True)
    await kit.create_room(room_id=line.call_id)
    await kit.attach_channel(line.call_id, "voice")
    session = await voice.start_session(line.call_id, "customer", connection=line.connection)
    return Call(kit, session)
