"""A short call, and applications with one thing wrong in each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from roomkit_sim import Agent, ConversationPipeline, PipelineStage, RealtimeVoiceChannel, RoomKit
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.sim import Call, PhoneLine
from roomkit_sim.sim.runner.application import Answer

ROOT = Path(__file__).parents[3]
SCENARIOS = ROOT / "scenarios"
HANDOFF = {"target": "agent-advisor", "reason": "advice", "summary": "wants advice"}


def short_call(**changes: Any) -> dict[str, Any]:
    """The caller asks at once, is handed over, and hears the advisor."""
    return {
        "scenario": "short-call",
        "caller": {
            "script": [
                {"wait": {"for": "time", "ms": 1000}},
                {"say": {"id": "ask-advice", "text": "Hello, I would like some advice about my portfolio."}},
                {"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 6000}},
                {"wait": {"for": "agent_silence", "ms": 600}},
                "hang_up",
            ]
        },
        "mind": {
            "triage": {
                "when": "Role: Triage receptionist",
                "rules": [{"hears": "ask-advice", "calls": {"handoff_conversation": HANDOFF}}],
            },
            "advisor": {
                "when": "Role: Portfolio advisor",
                "rules": [{"on": "asked_to_speak", "says": "Hello, I am your advisor."}],
            },
        },
        "expect": {
            "route": ["agent-triage", "agent-advisor"],
            "phases": ["triage", "advising"],
            "heard": ["ask-advice"],
            "handoffs": [{"from": "agent-triage", "to": "agent-advisor"}],
        },
        "budget_ms": 60_000,
        **changes,
    }


def agents() -> list[Agent]:
    return [
        Agent("agent-triage", role="Triage receptionist", voice="Aoede"),
        Agent("agent-advisor", role="Portfolio advisor", voice="Charon"),
    ]


def application(
    *,
    provider: Callable[..., Any] = GeminiLiveProvider,
    channel: Callable[..., Any] = RealtimeVoiceChannel,
    make_agents: Callable[[], list[Agent]] = agents,
    after_install: Callable[[Any, RealtimeVoiceChannel], None] = lambda handler, channel: None,
    key: str = "GEMINI_API_KEY",
) -> Answer:
    """The finance line, with parts replaced."""

    async def answer(line: PhoneLine) -> Call:
        kit = RoomKit()
        voice = channel("voice", provider=provider(api_key=line.secret(key)), transport=line.transport)
        kit.register_channel(voice)
        pipeline = ConversationPipeline(
            stages=[
                PipelineStage(phase="triage", agent_id="agent-triage", next="advising"),
                PipelineStage(phase="advising", agent_id="agent-advisor", next=None),
            ],
        )
        _, handler = pipeline.install(kit, make_agents(), voice_channel_id="voice", greet_on_handoff=True)
        after_install(handler, voice)
        await kit.create_room(room_id=line.call_id)
        await kit.attach_channel(line.call_id, "voice")
        session = await voice.start_session(line.call_id, "caller", connection=line.connection)
        return Call(kit, session)

    return answer
