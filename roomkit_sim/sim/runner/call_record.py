"""Closes the record of a call that was played: its events with what its sound tells, and what was planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.runner.evidence import agent_voices, merged, pcm16, received_audio, voice_conflicts
from roomkit_sim.sim.runner.fates import Missed
from roomkit_sim.sim.runner.live_call import LiveCall
from roomkit_sim.sim.runner.play import PlayedRun
from roomkit_sim.sim.runner.wire_evidence import audio_starts, voices_by_wire
from roomkit_sim.sim.scenario.faults import Moment
from roomkit_sim.sim.scenario.plan import Plan
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.record import CallRecord

__all__ = ["closed_record"]


def closed_record(plan: Plan, played: PlayedRun, call: LiveCall, notes: Sequence[str]) -> CallRecord:
    """The record of a call.

    Args:
        plan: What was played.
        played: What came of it.
        call: One of its calls.
        notes: What a reader must know of the run.
    """
    line, rate_hz = call.line, call.line.rate_hz
    caller, agent, events = line.caller_track(), line.agent_track(), call.recorder.events
    arrived = [
        (session.conn, pcm16(audio)) for session in played.sessions[call.id] if (audio := session.received) is not None
    ]
    if isinstance(call.voices.ear, VoiceIdentifier):
        found = [
            *voice_conflicts(call.id, call.voices.conflicts),
            *agent_voices(call.id, events, agent, rate_hz, call.voices.ear),
            *received_audio(call.id, caller, rate_hz, arrived),
        ]
    else:
        events = [*merged(events, [*audio_starts(call.id, events)])]
        found = [*voices_by_wire(call.id, events, agent, rate_hz)]
    several = len(plan.scenario.calls) > 1
    return CallRecord(
        call=call.id,
        slug=f"{plan.slug}-{call.spec.name}" if several else plan.slug,
        scenario=plan.scenario.scenario,
        provider=plan.provider,
        clock=plan.mode.clock,
        seed=plan.seed,
        condition=plan.condition,
        source=plan.source,
        rerun=plan.rerun,
        rate_hz=rate_hz,
        events=merged(events, found),
        caller_audio=caller,
        agent_audio=agent,
        plan=_plan_as_json(plan, played, call, notes),
    )


def _fault_as_json(fault: Moment) -> Json:
    said: Json = fault.model_dump(mode="json", exclude_defaults=True)
    return said


def _missed_as_json(missed: Missed, place: str) -> Json:
    return {
        "what": missed.what,
        "when": missed.when,
        "why": missed.why,
        "at_ns": missed.at_ns,
        "where": place,
    }


def _plan_as_json(plan: Plan, played: PlayedRun, call: LiveCall, notes: Sequence[str]) -> Mapping[str, Json]:
    is_first = call is played.calls[0]
    scenario = plan.scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {
        "id": plan.id,
        "seed": plan.seed,
        "source": plan.source,
        "against": plan.mode.against,
        "witness": "server" if isinstance(call.voices.ear, VoiceIdentifier) else "wire",
        "scenario": scenario,
        # Faults strike the first call.
        "faults": [_fault_as_json(fault) for fault in played.faults] if is_first else [],
        "missed_faults": [_missed_as_json(*missed) for missed in played.missed] if is_first else [],
        # Switches are of the service, not of a call.
        "idle_switches": [*played.idle_switches] if is_first else [],
        "notes": [*notes],
        **call.facts,
    }
