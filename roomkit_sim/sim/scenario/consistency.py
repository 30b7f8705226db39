"""What a scenario's parts say about each other: names that are used must be names that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from roomkit_sim.sim.scenario.caller import HangUp, Say, Wait
from roomkit_sim.sim.scenario.faults import Flip
from roomkit_sim.sim.scenario.model import Call, Scenario
from roomkit_sim.sim.scenario.strict import nearest
from roomkit_sim.sim.scenario.switches import SWITCHES, switches_of
from roomkit_sim.sim.trace.route import HUMAN

__all__ = ["Problem", "problems"]

Location = tuple[str | int, ...]

UNKNOWN_UTTERANCE = "unknown"


@dataclass(frozen=True)
class Problem:
    """A contradiction in a scenario.

    Args:
        location: Where: keys and list indices from the top of the scenario.
        message: What is wrong and what to do.
    """

    location: Location
    message: str


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Every contradiction in ``scenario``, in the order of the file."""
    yield from _call_names(scenario)
    for index, call in enumerate(scenario.calls):
        yield from _script(scenario, call, ("calls", index, "caller", "script"))
        yield from _expectation(scenario, call, ("calls", index, "expect"))
    yield from _mind(scenario)
    yield from _switches(scenario)
    yield from _faults(scenario)


def _call_names(scenario: Scenario) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, call in enumerate(scenario.calls):
        if call.name in seen:
            yield Problem(("calls", index), f"two calls are named {call.name!r}: give each its own 'name'")
        seen.add(call.name)


def _script(scenario: Scenario, call: Call, at: Location) -> Iterator[Problem]:
    utterances = scenario.utterances()
    steps = call.caller.script
    for index, step in enumerate(steps):
        if isinstance(step, HangUp) and index + 1 < len(steps):
            yield Problem((*at, index + 1), "the caller has hung up before this step: move 'hang_up' to the end")
        elif isinstance(step, Wait) and step.persona is not None and step.persona not in scenario.mind:
            yield Problem(
                (*at, index), f"no persona {step.persona!r} in 'mind': {nearest(step.persona, scenario.mind)}"
            )
        elif isinstance(step, Say):
            if step.id == UNKNOWN_UTTERANCE:
                yield Problem((*at, index), "'unknown' means speech that nobody knows: choose another id")
            other = utterances[step.id]
            if other != step:
                yield Problem((*at, index), f"utterance {step.id!r} is also something else: give it an id of its own")
            elif not all(_sounds_alike(call, other) for other in scenario.calls if step in other.caller.script):
                message = f"utterance {step.id!r} is said by another caller in another voice: give it an id of its own"
                yield Problem((*at, index), message)


def _sounds_alike(one: Call, other: Call) -> bool:
    voices = [(call.caller.voice, call.caller.rate_wpm, call.caller.pitch) for call in (one, other)]
    return voices[0] == voices[1]


def _mind(scenario: Scenario) -> Iterator[Problem]:
    if not scenario.mind:
        yield Problem((), "the scenario has no 'mind': say what the provider's personas do")
    known = _hearable(scenario)
    for name, persona in scenario.mind.items():
        for index, rule in enumerate(persona.rules):
            if rule.hears is not None and rule.hears not in known:
                where = ("mind", name, "rules", index, "hears")
                yield Problem(where, f"no caller says {rule.hears!r}: {nearest(rule.hears, known)}")


def _switches(scenario: Scenario) -> Iterator[Problem]:
    providers = list(scenario.apps)
    known = list(dict.fromkeys(switch.name for provider in providers for switch in switches_of(provider)))
    for index, name in enumerate(scenario.switches):
        if name in SWITCHES and name not in known:
            message = f"{name!r} is no switch of {' or '.join(providers)}: {nearest(name, known)}"
            yield Problem(("switches", index), message)
        elif name not in known:
            yield Problem(("switches", index), f"unknown switch {name!r}: {nearest(name, known)}")
        elif name in scenario.switches[:index]:
            yield Problem(("switches", index), f"switch {name!r} stands here twice")


def _faults(scenario: Scenario) -> Iterator[Problem]:
    providers = list(scenario.apps)
    for index, fault in enumerate(scenario.faults):
        if isinstance(fault, Flip) and not any(fault.concerns(provider) for provider in providers):
            known = list(dict.fromkeys(switch.name for provider in providers for switch in switches_of(provider)))
            message = f"{fault.switch!r} is no switch of {' or '.join(providers)}: {nearest(fault.switch, known)}"
            yield Problem(("faults", index, "switch"), message)


def _expectation(scenario: Scenario, call: Call, at: Location) -> Iterator[Problem]:
    agents = [scenario.agent_of(persona) for persona in scenario.mind]
    expect = call.expect
    for index, agent in enumerate(expect.route or ()):
        yield from _known_agent(agent, agents, (*at, "route", index))
    for index, handoff in enumerate(expect.handoffs or ()):
        yield from _known_agent(handoff.from_, agents, (*at, "handoffs", index, "from"))
        if handoff.accepted:
            yield from _known_agent(handoff.to, agents, (*at, "handoffs", index, "to"))
    known = _hearable(scenario)
    for index, utterance in enumerate(expect.heard or ()):
        if utterance not in known:
            yield Problem((*at, "heard", index), f"no caller says {utterance!r}: {nearest(utterance, known)}")
    said = list(scenario.utterances())
    for index, transcript in enumerate(expect.transcripts or ()):
        if transcript.caller is not None and transcript.caller not in said:
            where = (*at, "transcripts", index)
            yield Problem(where, f"no caller says {transcript.caller!r}: {nearest(transcript.caller, said)}")
    for code, reason in expect.waive.items():
        if not reason.strip():
            yield Problem((*at, "waive", code), "a waiver needs its reason")


def _hearable(scenario: Scenario) -> list[str]:
    return [*(id for id, say in scenario.utterances().items() if say.known), UNKNOWN_UTTERANCE]


def _known_agent(agent: str, agents: Iterable[str], at: Location) -> Iterator[Problem]:
    known = [*agents, HUMAN]
    if agent not in known:
        yield Problem(at, f"no persona plays an agent {agent!r}: {nearest(agent, known)}")
