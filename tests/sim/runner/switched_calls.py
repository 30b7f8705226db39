"""The short call on either wire, while the service misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim import Agent, RealtimeVoiceChannel
from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.providers.realtime import switching
from roomkit_sim.providers.realtime.pending_calls import PendingCalls
from roomkit_sim.sim import Run, simulate
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.scenario.model import Provider
from tests.sim.runner.finance_line import HANDOFF, SCENARIOS, application, short_call

GEMINI: Provider = "gemini-live"
OPENAI: Provider = "openai-realtime"
WIRES = (GEMINI, OPENAI)
VOICES = {GEMINI: ("Aoede", "Charon"), OPENAI: ("marin", "cedar")}
PROVIDERS: dict[Provider, Any] = {GEMINI: GeminiLiveProvider, OPENAI: OpenAIRealtimeProvider}

ASK = {"say": {"id": "ask-advice", "text": "Hello, I would like some advice about my portfolio."}}
AGAIN = {"say": {"id": "ask-again", "text": "Are you still there, and may I ask you another question?"}}
ADVISOR = {"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 20_000}}
QUIET = {"wait": {"for": "agent_silence", "ms": 600}}
GREETING = "Hello, I am your portfolio advisor, and I have all the time in the world for you and for your questions."
TOLD = {"transcripts": [{"caller": "ask-advice"}, {"agent": GREETING}]}
NOTE = {
    "name": "note",
    "description": "Writes something down.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}
HANDS_OVER: dict[str, Any] = {"hears": "ask-advice", "calls": {"handoff_conversation": HANDOFF}}
NOTES_FIRST: list[dict[str, Any]] = [
    {"hears": "ask-advice", "calls": {"note": {"text": "advice"}}},
    {"on": "tool_result", "contains": "noted", "calls": {"handoff_conversation": HANDOFF}},
]


def a_while(ms: int) -> dict[str, Any]:
    return {"wait": {"for": "time", "ms": ms}}


def script(*steps: Any) -> dict[str, Any]:
    return {"script": [a_while(1000), *steps, "hang_up"]}


def mind(triage: list[dict[str, Any]] | None = None, says: str = GREETING) -> dict[str, Any]:
    advisor = [{"on": "asked_to_speak", "says": says}, {"hears": "ask-again", "says": "Yes, I am here."}]
    return {
        "triage": {"when": "Role: Triage receptionist", "rules": triage or [HANDS_OVER]},
        "advisor": {"when": "Role: Portfolio advisor", "rules": advisor},
    }


def agents_with(receptionist: str, advisor: str, *, advice: str = "") -> list[Agent]:
    return [
        Agent("agent-triage", role="Triage receptionist", voice=receptionist),
        Agent("agent-advisor", role=f"Portfolio advisor{advice}", voice=advisor),
    ]


def line_on(wire: Provider, **parts: Any) -> Answer:
    """The application on a wire; ``voices`` are those of the two agents, other parts as in :func:`application`."""
    voices = parts.pop("voices", VOICES[wire])
    given = {"provider": PROVIDERS[wire], "make_agents": lambda: agents_with(*voices), **parts}
    return application(key="GEMINI_API_KEY" if wire == GEMINI else "OPENAI_API_KEY", **given)


def note_taking(wire: Provider, seconds: float = 0.0) -> Answer:
    """The application with another tool, which takes so long."""

    def channel(*args: Any, **settings: Any) -> RealtimeVoiceChannel:
        async def write_down(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(seconds)
            return {"noted": True}

        return RealtimeVoiceChannel(*args, tools=[NOTE], tool_handler=write_down, **settings)

    return line_on(wire, channel=channel)


def play(
    wire: Provider,
    *switches: str,
    app: Answer | None = None,
    expect: dict[str, Any] | None = None,
    **changes: Any,
) -> Run:
    """Play the short call. A switch that does not strike makes it invalid: it is green only if each of them did."""
    scenario = short_call(**{"mind": mind(), "switches": [*switches], **changes})
    if "ask-again" in str(scenario["caller"]):
        scenario["expect"]["heard"] = ["ask-advice", "ask-again"]
    else:
        rules = scenario["mind"]["advisor"]["rules"]
        scenario["mind"]["advisor"]["rules"] = [rule for rule in rules if rule.get("hears") != "ask-again"]
    scenario["expect"] = {**scenario["expect"], **(expect or {})}
    return simulate(scenario, provider=wire, app=app or line_on(wire), base_dir=SCENARIOS)


def codes(run: Run) -> list[str]:
    return list(dict.fromkeys(finding.code for finding in run.findings))


def message(run: Run, code: str) -> str:
    return next(finding.message for finding in run.findings if finding.code == code)


def connections(run: Run) -> list[Any]:
    return [event.data["step"] for event in run.record.events if event.name == "runtime.connection"]


def said(run: Run) -> list[Any]:
    return [event.data["text"] for event in run.record.events if event.name == "server.said"]


def struck(run: Run) -> list[Any]:
    """The switches that acted, by the server's own word."""
    return [event.data["switch"] for event in run.record.events if event.name == "server.misbehaved"]


def does_not_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A careless runtime, with which a lost connection ends the call."""
    monkeypatch.setattr(switching, "should_reconnect", lambda *args, **settings: False)


def remembers_every_call_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """A careless runtime, which takes an id that was answered and comes again for the old call."""
    seen: dict[str, None] = {}

    def ever_seen(self: PendingCalls, call_id: str, name: str, arguments: object) -> str:
        self._waiting[call_id] = (name, arguments)
        is_new = call_id not in seen
        seen[call_id] = None
        return "new" if is_new else "again"

    monkeypatch.setattr(PendingCalls, "opened", ever_seen)


_tasks: list[asyncio.Task[Any]] = []


def later(work: Callable[[], Any]) -> None:
    """Run something in the background of a call."""
    _tasks.append(asyncio.get_running_loop().create_task(work()))
