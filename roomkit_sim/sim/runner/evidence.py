"""What is read from the sound of a finished call: whose voice was heard when, and what of the caller arrived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from roomkit_sim.sim.audio.alignment import align
from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.audio.pcm import Samples, nanoseconds
from roomkit_sim.sim.audio.resampling import resample
from roomkit_sim.sim.servers.hearing import RATE_HZ
from roomkit_sim.sim.trace.connections import connections
from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["ReceivedAudio", "agent_voices", "merged", "pcm16", "received_audio", "voice_conflicts"]

NS_PER_S = 1_000_000_000
GRAIN_NS = 10_000_000
"""So much too early a voice may be found to begin."""

ReceivedAudio = tuple[int, Samples]
"""The number of a connection, and what arrived on it at the rate that the server hears."""


def agent_voices(
    call: str, events: Sequence[TraceEvent], track: Samples, rate_hz: int, identifier: VoiceIdentifier
) -> Iterator[TraceEvent]:
    """``line.agent_voice`` events: the voices that can be told apart on what the caller heard.

    The persona is the one that last began to speak with the voice before it was heard. Where a voice begins is told to
    a few milliseconds, which are more than a loopback socket takes: it is not heard before somebody began to speak.

    Args:
        call: The call's id.
        events: Its trace.
        track: What the caller heard, PCM16 mono.
        rate_hz: Of the track.
        identifier: Knows the voices of the sessions.
    """
    views = {view.conn: view for view in connections(events)}
    starts = [event for event in events if event.name == "server.audio_started"]
    for span in identifier.identify(track, rate_hz):
        t_ns, start_sample = nanoseconds(span.start_sample, rate_hz), span.start_sample
        speaker = None
        for event in starts:
            if event.t_ns <= t_ns + GRAIN_NS and event.data.get("voice") == span.voice:
                view = views.get(_int(event.data.get("conn")))
                speaker = view.persona_at(event.t_ns) if view is not None else None
                if event.t_ns > t_ns:
                    start_sample = -(-event.t_ns * rate_hz // NS_PER_S)
                    t_ns = nanoseconds(start_sample, rate_hz)
        yield TraceEvent(
            t_ns,
            0,
            call,
            "line",
            "agent_voice",
            {
                "voice": span.voice,
                "persona": speaker.persona if speaker else None,
                "agent": speaker.agent if speaker else None,
                "start_sample": start_sample,
                "samples": span.end_sample - start_sample,
                "mixed": list(span.mixed),
            },
        )


def received_audio(call: str, track: Samples, rate_hz: int, received: Sequence[ReceivedAudio]) -> Iterator[TraceEvent]:
    """``server.audio_accounted``, and ``server.audio_received`` events: which part of the caller's track arrived where.

    Positions are samples at the line's rate.

    Args:
        call: The call's id.
        track: What the caller said, PCM16 mono.
        rate_hz: Of the track.
        received: What arrived on each connection.
    """
    # Without this, nothing received could not be told from nothing accounted for, as in live calls.
    yield TraceEvent(0, 0, call, "server", "audio_accounted", {"connections": len(received)})
    reference = resample(track, rate_hz, RATE_HZ)
    for conn, samples in received:
        if not len(samples) or not len(reference):
            continue
        for span in align(reference, samples, RATE_HZ):
            start = span.reference_start * rate_hz // RATE_HZ
            yield TraceEvent(
                nanoseconds(start, rate_hz),
                0,
                call,
                "server",
                "audio_received",
                {
                    "conn": conn,
                    "received_start": span.received_start * rate_hz // RATE_HZ,
                    "reference_start": start,
                    "samples": span.samples * rate_hz // RATE_HZ,
                },
            )


def voice_conflicts(call: str, conflicts: Sequence[str]) -> Iterator[TraceEvent]:
    """``line.voice_conflict`` events: voices that cannot be told apart, so that nothing can be said of them."""
    for message in conflicts:
        yield TraceEvent(0, 0, call, "line", "voice_conflict", {"message": message})


def merged(events: Sequence[TraceEvent], found: Sequence[TraceEvent]) -> tuple[TraceEvent, ...]:
    """One trace of what was recorded and what was found afterwards, numbered anew; found comes after recorded."""
    ordered = sorted([*events, *found], key=lambda event: event.t_ns)
    return tuple(replace(event, seq=seq) for seq, event in enumerate(ordered))


def pcm16(received: bytes | bytearray) -> Samples:
    """The samples of raw PCM16; half a sample at the end is left out."""
    return np.frombuffer(bytes(received[: len(received) // 2 * 2]), dtype="<i2")


def _int(value: object) -> int:
    return value if isinstance(value, int) else -1
