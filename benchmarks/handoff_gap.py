"""The silence that a caller hears at a handoff: the new connection opened before the old one closes, and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.providers.realtime import LiveTiming
from roomkit_sim.sim import Call, PhoneLine, simulate
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider
from scenarios.apps import finance

SCENARIO = Path("scenarios/finance/triage.scenario.yaml")

MakeProvider = Callable[[PhoneLine, LiveTiming], RealtimeVoiceProvider]


def _gemini(line: PhoneLine, timing: LiveTiming) -> RealtimeVoiceProvider:
    return GeminiLiveProvider(api_key=line.secret("GEMINI_API_KEY"), timing=timing)


def _openai(line: PhoneLine, timing: LiveTiming) -> RealtimeVoiceProvider:
    return OpenAIRealtimeProvider(api_key=line.secret("OPENAI_API_KEY"), timing=timing)


PROVIDERS: dict[Provider, tuple[MakeProvider, str, str]] = {
    "gemini-live": (_gemini, "Aoede", "Charon"),
    "openai-realtime": (_openai, "marin", "cedar"),
}


def application(provider: Provider, timing: LiveTiming) -> Answer:
    """The shipped finance line with other timing."""
    make, receptionist, advisor = PROVIDERS[provider]

    async def answer(line: PhoneLine) -> Call:
        return await finance.serve(line, make(line, timing), finance.agents(receptionist, advisor))

    return answer


def gaps_ms(provider: Provider, *, overlap: bool, seeds: int) -> list[float]:
    """The gap of the scenario's handoff for each seed, on the same network."""
    app = application(provider, replace(LiveTiming(), overlap=overlap))
    found: list[float] = []
    for seed in range(seeds):
        run = simulate(SCENARIO, seed=seed, provider=provider, app=app)
        [handoff] = run.handoffs
        assert handoff.latencies.gap_ms is not None, run.findings
        found.append(handoff.latencies.gap_ms)
    return found


def compare(provider: Provider, seeds: int) -> tuple[float, float]:
    """Median gaps in milliseconds: make-before-break, and break-before-make."""
    return (
        median(gaps_ms(provider, overlap=True, seeds=seeds)),
        median(gaps_ms(provider, overlap=False, seeds=seeds)),
    )
