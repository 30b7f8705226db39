"""Where in a trace each stage H0 .. H11 of a handoff is read.

A stage that did not happen is left out; nothing is ever filled in. Definitions: metric set v2, docs/latencies.md.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from roomkit_sim.sim.trace.connections import is_setup_complete
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.record import CallRecord
from roomkit_sim.sim.trace.speech import (
    Utterance,
    VoiceSpan,
    agent_speech,
    heard_utterances,
    utterances,
    voices_of_agent,
)
from roomkit_sim.sim.trace.text_turns import text_turns

__all__ = ["STAGES", "Call", "Stages", "Window", "stages_of"]

STAGES = tuple(f"H{number}" for number in range(12))


@dataclass(slots=True)
class Call:
    """The events in which a handoff was asked for and decided."""

    tool_call: TraceEvent | None = None
    requested: TraceEvent | None = None
    decided: TraceEvent | None = None

    @property
    def first(self) -> TraceEvent:
        """The first of them."""
        event = self.tool_call or self.requested or self.decided
        assert event is not None, "a call is made of at least one event"
        return event

    @property
    def target(self) -> str | None:
        """What was asked for."""
        if self.requested is not None and isinstance(self.requested.data.get("target"), str):
            return str(self.requested.data["target"])
        args = self.tool_call.data.get("args") if self.tool_call is not None else None
        return str(args["target"]) if isinstance(args, dict) and isinstance(args.get("target"), str) else None


@dataclass(frozen=True, slots=True)
class Window:
    """A handoff and the part of the trace that is its own."""

    call: Call
    from_agent: str | None
    to_agent: str | None
    until_seq: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages that happened, and the connections before and after."""

    stages: dict[str, int]
    old_conn: int | None
    new_conn: int | None


def stages_of(record: CallRecord, window: Window) -> Stages:
    """Read the stages of one handoff."""
    found: dict[str, int | None] = {}
    call = window.call
    old_conn = _int(call.tool_call.data.get("conn")) if call.tool_call is not None else None
    turn = _committed_turn(record, window, old_conn)
    found["H0"] = _end_of_request(record, window, turn)
    found["H1"] = None if turn is None else turn.t_ns
    found["H2"] = None if call.tool_call is None else call.tool_call.t_ns
    found["H3"] = None if call.decided is None else call.decided.t_ns
    new_conn: int | None = None
    if call.decided is not None and call.decided.data.get("accepted") is True:
        after = [event for event in record.events if call.decided.seq < event.seq < window.until_seq]
        state = _first(after, "runtime.state", agent=window.to_agent) or _first(after, "runtime.state", why="handoff")
        found["H4"] = None if state is None else state.t_ns
        new_conn = _new_connection(after, old_conn)
        found |= _wire_stages(after, old_conn, new_conn)
        found |= _ear_stages(record, window, found)
    return Stages({stage: at for stage in STAGES if (at := found.get(stage)) is not None}, old_conn, new_conn)


def _committed_turn(record: CallRecord, window: Window, old_conn: int | None) -> TraceEvent | None:
    """The last turn that the provider had committed on the connection that asked."""
    first = window.call.first
    turns = [
        event
        for event in record.events
        if event.seq < first.seq
        and event.name == "server.turn_committed"
        and (old_conn is None or event.data.get("conn") == old_conn)
    ]
    return turns[-1] if turns else None


def _end_of_request(record: CallRecord, window: Window, turn: TraceEvent | None) -> int | None:
    """End of the caller's last utterance that the server had heard when the handoff was asked for."""
    first = window.call.first
    limit_ns = first.t_ns
    if turn is not None:
        limit_ns = turn.t_ns
    else:
        # Not on this connection: what it heard on an earlier one is what the caller still waits for an answer to.
        every = heard_utterances(record)
        heard = [item.t_ns for item in every if item.t_ns <= first.t_ns]
        if heard:
            limit_ns = heard[-1]
        elif every or record.plan.get("witness") != "wire":
            return None
    said: list[Utterance] = [item for item in utterances(record) if item.end_ns <= limit_ns]
    return said[-1].end_ns if said else None


def _new_connection(after: list[TraceEvent], old_conn: int | None) -> int | None:
    """The first new connection that was set up; the first that was opened when none was; or none."""
    fresh = [event for event in after if event.src == "wire" and _int(event.data.get("conn")) != old_conn]
    dialled = [_int(event.data.get("conn")) for event in fresh if event.kind == "dial"]
    for candidates in (
        [event for event in fresh if is_setup_complete(event)],
        [event for event in fresh if event.kind == "open"],
    ):
        for event in candidates:
            if _int(event.data.get("conn")) in dialled:
                return _int(event.data.get("conn"))
    return None


def _wire_stages(after: list[TraceEvent], old_conn: int | None, new_conn: int | None) -> dict[str, int | None]:
    """H6 to H10."""
    conn = old_conn if new_conn is None else new_conn
    ready = [event for event in after if is_setup_complete(event) and event.data.get("conn") == conn]
    found: dict[str, int | None] = {"H8": ready[0].t_ns if ready else None}
    if old_conn is not None and (new_conn is not None or not ready):
        # One that was configured anew goes on: its close is the end of the call.
        found["H6"] = _time(_first(after, "wire.close", conn=old_conn))
    if new_conn is None:
        # Configured anew on the connection that holds the conversation: the context was never away.
        found["H9"] = found["H8"]
        found["H10"] = _first_voice_in_session(after, old_conn)
        return found
    found["H7"] = _time(_first(after, "wire.open", conn=new_conn))
    found["H9"] = _context_restored(after, new_conn, found["H8"])
    found["H10"] = _time(_first(after, "server.audio_started", conn=new_conn))
    return found


def _first_voice_in_session(after: list[TraceEvent], conn: int | None) -> int | None:
    """H10 of a handoff without a reconnect: the first audio after the session was configured for somebody else."""
    persona = _first(after, "server.persona", conn=conn) if conn is not None else None
    if persona is None:
        return None
    return _time(_first([event for event in after if event.seq > persona.seq], "server.audio_started", conn=conn))


def _context_restored(after: list[TraceEvent], conn: int, ready_ns: int | None) -> int | None:
    """H9: acknowledged and resumed by a handle, or the moment at which the conversation so far was sent again."""
    resumed = _time(_first(after, "server.resumed", conn=conn))
    if resumed is not None:
        return None if ready_ns is None else max(resumed, ready_ns)
    turns = sorted((turn for turn in text_turns(after) if turn.conn == conn), key=lambda turn: turn.event.seq)
    told = [turn.event.t_ns for turn in itertools.takewhile(lambda turn: not turn.complete, turns)]
    return told[-1] if told else None


def _ear_stages(record: CallRecord, window: Window, found: dict[str, int | None]) -> dict[str, int | None]:
    """H5 and H11, from the voices at the caller's ear."""
    state_ns, spans = found.get("H4"), agent_speech(record)
    new = None
    if state_ns is not None and window.to_agent is not None:
        spoken = _spoken_by(record, window.to_agent, spans, since_ns=found.get("H10"))
        new = next((span for span in spoken if state_ns <= span.start_ns < window.until_ns), None)
    old_end: int | None = None
    if window.from_agent is not None:
        before_ns = new.start_ns if new is not None else window.until_ns
        spoken = _spoken_by(record, window.from_agent, spans, since_ns=None)
        ended = [span.end_ns for span in spoken if span.start_ns < before_ns]
        old_end = min(max(ended), before_ns) if ended else None
    return {"H5": old_end, "H11": None if new is None else new.start_ns}


def _spoken_by(record: CallRecord, agent: str, spans: tuple[VoiceSpan, ...], since_ns: int | None) -> list[VoiceSpan]:
    """The spans of one agent.

    Where several agents share a voice, nobody's name is on a span; then the voice counts, from ``since_ns`` on.
    """
    voices = voices_of_agent(record, agent)
    return [
        span
        for span in spans
        if span.agent == agent
        or (span.agent is None and span.voice in voices and (since_ns is None or span.start_ns >= since_ns))
    ]


def _first(events: list[TraceEvent], name: str, **data: object) -> TraceEvent | None:
    return next(
        (event for event in events if event.name == name and all(event.data.get(k) == v for k, v in data.items())), None
    )


def _time(event: TraceEvent | None) -> int | None:
    return None if event is None else event.t_ns


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
