"""The picture of a call: lanes on one time axis. Geometry only; the template draws it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from roomkit_sim.sim.audio.pcm import FULL_SCALE, Samples
from roomkit_sim.sim.trace.connections import ConnectionView, connections
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.handoffs import handoffs
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.speech import agent_speech, utterances

__all__ = ["LANE_HEIGHT", "PX_PER_S", "Box", "Lane", "Mark", "lanes", "waveform"]

PX_PER_S = 64
LANE_HEIGHT = 46
_PEAK_MS = 20


@dataclass(frozen=True, slots=True)
class Box:
    """A stretch of time in a lane. Pixels; ``colour`` is an index into the page's palette."""

    x: float
    width: float
    label: str
    title: str
    colour: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in a lane."""

    x: float
    label: str
    title: str
    kind: str = ""


@dataclass(slots=True)
class Lane:
    """One row of the picture."""

    name: str
    boxes: list[Box] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    wave: str = ""


def lanes(record: CallRecord) -> list[Lane]:
    """Caller, agents, state, sessions, handoffs and faults of a call, from top to bottom."""
    palette = _Palette(record)
    result = [
        Lane("caller", [*_caller(record)], wave=waveform(record.caller_audio, record.rate_hz)),
        Lane("agents", [*_agents(record, palette)], wave=waveform(record.agent_audio, record.rate_hz)),
        Lane("state", [*_states(record, palette)]),
        *_sessions(record, palette),
        Lane("handoffs", marks=[*_handoffs(record)]),
    ]
    faults = [*_faults(record)]
    return [*result, Lane("faults", marks=faults)] if faults else result


class _Palette:
    """Gives every agent a colour, in the order in which they appear."""

    def __init__(self, record: CallRecord) -> None:
        names = [str(event.data["agent"]) for event in record.events if event.data.get("agent")]
        self._agents = list(dict.fromkeys(names))

    def of(self, agent: str | None) -> int:
        return 1 + self._agents.index(agent) % 6 if agent in self._agents else 0


def _x(t_ns: int) -> float:
    return round(t_ns / 1e9 * PX_PER_S, 1)


def _box(start_ns: int, end_ns: int, label: str, title: str, colour: int) -> Box:
    return Box(_x(start_ns), max(1.0, _x(end_ns) - _x(start_ns)), label, title, colour)


def _caller(record: CallRecord) -> Iterator[Box]:
    for said in utterances(record):
        yield _box(said.start_ns, said.end_ns, said.id, f"the caller says {said.id!r}", 0)


def _agents(record: CallRecord, palette: _Palette) -> Iterator[Box]:
    for span in agent_speech(record):
        name = " + ".join(span.mixed) if span.mixed else span.agent or span.voice or "unknown sound"
        colour = 7 if span.mixed else palette.of(span.agent)
        yield _box(span.start_ns, span.end_ns, "", f"{name}, {span.ms:.0f} ms, voice {span.voice}", colour)


def _states(record: CallRecord, palette: _Palette) -> Iterator[Box]:
    states = [event for event in record.events if event.name == "runtime.state"]
    for index, state in enumerate(states):
        until = states[index + 1].t_ns if index + 1 < len(states) else record.end_ns
        agent, phase = state.data.get("agent"), state.data.get("phase")
        title = f"{agent} in phase {phase} ({state.data.get('why')})"
        yield _box(state.t_ns, until, f"{phase}: {agent}", title, palette.of(agent if isinstance(agent, str) else None))


def _sessions(record: CallRecord, palette: _Palette) -> Iterator[Lane]:
    """Connections in as few lanes as their overlaps need."""
    rows: list[tuple[int, Lane]] = []
    for view in connections(record.events):
        if view.dialled_ns is None:
            continue
        end_ns = record.end_ns if view.closed_ns is None else view.closed_ns
        index = next((i for i, (free_ns, _) in enumerate(rows) if free_ns <= view.dialled_ns), len(rows))
        lane = rows[index][1] if index < len(rows) else Lane("session" if not rows else "session, second")
        rows[index : index + 1] = [(end_ns, lane)]
        lane.boxes += _connection(view, end_ns, palette)
    yield from (lane for _, lane in rows)


def _connection(view: ConnectionView, end_ns: int, palette: _Palette) -> Iterator[Box]:
    assert view.dialled_ns is not None
    ready_ns = end_ns if view.ready_ns is None else view.ready_ns
    yield _box(view.dialled_ns, ready_ns, "", f"connection {view.conn}: dial, TLS, setup", 8)
    spell = view.personas[-1] if view.personas else None
    if ready_ns < end_ns:
        who = spell.agent if spell is not None else None
        title = f"connection {view.conn} runs {who} with voice {spell.voice if spell else None}"
        yield _box(ready_ns, end_ns, f"#{view.conn} {who or ''}", title, palette.of(who))


def _handoffs(record: CallRecord) -> Iterator[Mark]:
    for handoff in handoffs(record):
        verdict = "" if handoff.accepted else handoff.verdict
        yield Mark(
            _x(handoff.t_ns),
            f"{handoff.from_agent} → {handoff.to_agent} {verdict}",
            handoff.reason,
            "good" if handoff.accepted else "bad",
        )
        for stage, at_ns in handoff.stages.items():
            yield Mark(_x(at_ns), "", f"{stage} of handoff {handoff.n} at {at_ns / 1e9:.3f} s", "stage")


def _faults(record: CallRecord) -> Iterator[Mark]:
    for event in record.events:
        if event.name in ("world.fault", "world.deadlock", "world.budget_exceeded"):
            yield Mark(_x(event.t_ns), _fault(event), str(dict(event.data)), "bad")


def _fault(event: TraceEvent) -> str:
    return str(event.data.get("what", event.kind))


def waveform(samples: Samples, rate_hz: int) -> str:
    """An SVG path of the peaks of every 20 ms, around the middle of a lane."""
    window = rate_hz * _PEAK_MS // 1000
    count = len(samples) // window
    if not count:
        return ""
    peaks = np.abs(samples[: count * window].astype(np.int32)).reshape(count, window).max(axis=1) / FULL_SCALE
    middle, half = LANE_HEIGHT / 2, LANE_HEIGHT / 2 - 2
    step = PX_PER_S * _PEAK_MS / 1000
    heights: Sequence[float] = [round(float(peak) * half, 1) for peak in peaks]
    top = [f"{index * step:.1f},{middle - height:.1f}" for index, height in enumerate(heights)]
    bottom = [f"{index * step:.1f},{middle + height:.1f}" for index, height in enumerate(heights)]
    return "M" + " L".join([*top, *reversed(bottom)]) + "Z"
