"""A clinic's front desk. It has a tool of its own, which changes the language of the running call."""

from typing import Any

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RealtimeVoiceChannel, RoomKit
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim import Call, PhoneLine
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider

SET_LANGUAGE = {
    "name": "set_language",
    "description": "Continue the call in the caller's language.",
    "parameters": {
        "type": "object",
        "properties": {"language": {"type": "string", "description": "For example French"}},
        "required": ["language"],
    },
}


async def answer(line: PhoneLine) -> Call:
    provider = GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY"))
    return await _answer(line, provider, desk="Leda", nurse="Orus")


async def answer_with_openai(line: PhoneLine) -> Call:
    provider = OpenAIRealtimeProvider(api_key=line.secret("OPENAI_API_KEY"))
    return await _answer(line, provider, desk="marin", nurse="cedar")


async def _answer(line: PhoneLine, provider: RealtimeVoiceProvider, *, desk: str, nurse: str) -> Call:
    kit = RoomKit()

    async def run_tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name != "set_language":
            return {"error": f"unknown tool {name}"}
        await handler.set_language(line.call_id, arguments["language"], channel_id="voice")
        return {"language": arguments["language"]}

    voice = RealtimeVoiceChannel(
        "voice",
        provider=provider,
        transport=line.transport,
        tools=[SET_LANGUAGE],
        tool_handler=run_tool,
    )
    kit.register_channel(voice)
    pipeline = ConversationPipeline(
        stages=[
            PipelineStage(phase="reception", agent_id="agent-desk", next="consultation"),
            PipelineStage(phase="consultation", agent_id="agent-nurse", next=None),
        ],
    )
    agents = [
        Agent("agent-desk", role="Front desk", system_prompt="Ask for the concern.", voice=desk),
        Agent("agent-nurse", role="Nurse", system_prompt="Listen and advise.", voice=nurse),
    ]
    _, handler = pipeline.install(kit, agents, voice_channel_id="voice", greet_on_handoff=True)
    await kit.create_room(room_id=line.call_id)
    await kit.attach_channel(line.call_id, "voice")
    session = await voice.start_session(line.call_id, "patient", connection=line.connection)
    return Call(kit, session)
