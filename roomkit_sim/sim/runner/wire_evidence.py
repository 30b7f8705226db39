"""Who spoke when, where nobody knows the sound of the voices: told from the wire instead of the sound.

A stretch of sound belongs to the session whose audio began to arrive last before it. What still plays of an old agent
when a new one's audio arrives counts as the new one's.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from itertools import pairwise

from roomkit_sim.sim.audio.pcm import Samples, nanoseconds, sample_at
from roomkit_sim.sim.audio.spans import WINDOW_MS, Span, audible_spans
from roomkit_sim.sim.trace.connections import ConnectionView, connections
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.wire_observer import BY_WIRE

__all__ = ["audio_starts", "voices_by_wire"]

_JOIN_MS = 200
_AUDIO = ("serverContent.modelTurn", "response.output_audio.delta")
_ENDS = ("generationComplete", "turnComplete", "interrupted", "response.output_audio.done", "response.done")


def audio_starts(call: str, events: Sequence[TraceEvent]) -> Iterator[TraceEvent]:
    """``server.audio_started`` events: the first audio of each answer, as it reached the client.

    Args:
        call: The call's id.
        events: Its trace.
    """
    views = {view.conn: view for view in connections(events)}
    speaking: set[int] = set()
    for event in events:
        conn, frame = event.data.get("conn"), str(event.data.get("frame"))
        if event.name != "wire.received" or not isinstance(conn, int):
            continue
        first_ns = event.data.get("first_t_ns")
        if frame in _AUDIO and isinstance(first_ns, int):
            spell = views[conn].persona_at(first_ns)
            if conn not in speaking and spell is not None:
                voice = {"conn": conn, "voice": spell.voice, "by": BY_WIRE}
                yield TraceEvent(first_ns, 0, call, "server", "audio_started", voice)
            speaking.add(conn)
        elif any(end in frame for end in _ENDS):
            speaking.discard(conn)


def voices_by_wire(call: str, events: Sequence[TraceEvent], track: Samples, rate_hz: int) -> Iterator[TraceEvent]:
    """``line.agent_voice`` events: who was heard when.

    Args:
        call: The call's id.
        events: Its trace, with its ``server.audio_started`` events.
        track: What the caller heard, PCM16 mono.
        rate_hz: Of the track.
    """
    views = {view.conn: view for view in connections(events)}
    starts = [event for event in events if event.name == "server.audio_started"]
    for span in audible_spans(track, rate_hz, join_ms=_JOIN_MS):
        for part, begun in _parts(span, starts, rate_hz):
            yield _heard(call, part, nanoseconds(part.start_sample, rate_hz), begun, views)


def _parts(span: Span, starts: Sequence[TraceEvent], rate_hz: int) -> Iterator[tuple[Span, TraceEvent | None]]:
    """A stretch of sound, taken apart where other audio began to arrive, and what began last before each part.

    Compared in samples: a moment lies inside its sample. Sound is located to a window, so that a stretch may seem to
    begin that much before the audio that it is.
    """
    cuts = [sample_at(event.t_ns, rate_hz) for event in starts]
    window = rate_hz * WINDOW_MS // 1000
    first = bisect.bisect_right(cuts, span.start_sample + window)
    last = bisect.bisect_left(cuts, span.end_sample)
    ends = pairwise([span.start_sample, *cuts[first:last], span.end_sample])
    for index, (start, end) in enumerate(ends, start=first):
        yield Span(start, end), starts[index - 1] if index else None


def _heard(call: str, span: Span, t_ns: int, begun: TraceEvent | None, views: dict[int, ConnectionView]) -> TraceEvent:
    conn = begun.data.get("conn") if begun is not None else None
    spell = views[conn].persona_at(begun.t_ns) if begun is not None and isinstance(conn, int) else None
    return TraceEvent(
        t_ns,
        0,
        call,
        "line",
        "agent_voice",
        {
            "voice": spell.voice if spell else None,
            "persona": spell.persona if spell else None,
            "agent": spell.agent if spell else None,
            "start_sample": span.start_sample,
            "samples": len(span),
            "mixed": [],
            "by": BY_WIRE,
        },
    )
