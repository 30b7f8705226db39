"""A finance line: a receptionist answers and hands the caller to a portfolio advisor, who can hand back.

This is production code: nothing in it knows that it may run in a simulation.
"""

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RealtimeVoiceChannel, RoomKit
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim import Call, PhoneLine
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider


def agents(receptionist: str = "Aoede", advisor: str = "Charon") -> list[Agent]:
    return [
        Agent(
            "agent-triage",
            role="Triage receptionist",
            description="Routes callers to the right specialist",
            system_prompt="Greet callers. Ask what they need. Under 30 words.",
            voice=receptionist,
            greeting="Greet the caller and ask how you can help.",
        ),
        Agent(
            "agent-advisor",
            role="Portfolio advisor",
            description="Provides financial and investment advice",
            system_prompt="Give concise financial advice. Under 50 words.",
            voice=advisor,
        ),
    ]


def pipeline() -> ConversationPipeline:
    return ConversationPipeline(
        stages=[
            PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
            PipelineStage(phase="advising", agent_id="agent-advisor", next=None, can_return_to={"triage"}),
        ],
    )


async def answer(line: PhoneLine) -> Call:
    return await serve(line, GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY")), agents())


async def answer_with_openai(line: PhoneLine) -> Call:
    provider = OpenAIRealtimeProvider(api_key=line.secret("OPENAI_API_KEY"))
    return await serve(line, provider, agents(receptionist="marin", advisor="cedar"))


async def serve(line: PhoneLine, provider: RealtimeVoiceProvider, staff: list[Agent]) -> Call:
    kit = RoomKit()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=line.transport)
    kit.register_channel(voice)
    _, handler = pipeline().install(kit, staff, voice_channel_id="voice", greet_on_handoff=True, human_handoff=True)
    await kit.create_room(room_id=line.call_id)
    await kit.attach_channel(line.call_id, "voice")
    session = await voice.start_session(line.call_id, "caller", connection=line.connection)
    await handler.send_greeting(line.call_id)
    return Call(kit, session)
