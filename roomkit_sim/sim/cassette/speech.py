"""When somebody speaks in a recorded call: the caller by his sound, the agent by what was sent to be played. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.endpointing import Endpointer, SpeechEnded
from roomkit_sim.sim.audio.pcm import Samples, from_bytes
from roomkit_sim.sim.cassette.acts import Done, acts_of
from roomkit_sim.sim.cassette.model import Frame, Plain, RecordedConnection, Sound, Way

__all__ = ["Stretch", "agent_stretches", "caller_stretches"]

_HANGOVER_MS = 500
_BEFORE_MS, _AFTER_MS = 200, 250
_PAUSE_NS = 300_000_000
_NS_PER_S = 1_000_000_000
_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of speech.

    Args:
        start_ns: Its begin, counted from the first dial.
        end_ns: Its end.
        samples: The sound with a little around it, PCM16 mono; nothing when it was left out of the recording.
        rate_hz: Its rate.
    """

    start_ns: int
    end_ns: int
    samples: Samples | None
    rate_hz: int


def caller_stretches(connection: RecordedConnection) -> list[Stretch]:
    """The caller's speech on one connection, found as a provider finds it."""
    track = connection.tracks.get("sent")
    if track is None or track.pcm is None:
        return []
    rate_hz = track.rate_hz
    try:
        endpointer = Endpointer(rate_hz, _HANGOVER_MS)
    except AudioError:
        return []
    silence = bytes(_SAMPLE_BYTES * rate_hz * (_HANGOVER_MS + 100) // 1000)
    events = [*endpointer.feed(track.pcm), *endpointer.feed(silence)]
    times = _Times(connection, "sent", rate_hz)
    whole = from_bytes(track.pcm)
    stretches = []
    for event in events:
        if isinstance(event, SpeechEnded):
            begin = max(0, event.start_sample - rate_hz * _BEFORE_MS // 1000)
            end = min(len(whole), event.end_sample + rate_hz * _AFTER_MS // 1000)
            start_ns, end_ns = times.of(event.start_sample), times.of(event.end_sample)
            stretches.append(Stretch(start_ns, end_ns, np.array(whole[begin:end]), rate_hz))
    return stretches


def agent_stretches(connection: RecordedConnection) -> Iterator[Stretch]:
    """What of the agent's speech was to be heard: audio comes ahead, is played in order, dropped when interrupted."""
    track = connection.tracks.get("received")
    if track is None:
        return
    start_ns: int | None = None
    playhead_ns = 0
    for event in connection.events:
        if not isinstance(event, Frame) or event.way != "received":
            continue
        at_ns = connection.dialled_ns + event.t_ns
        match event.body:
            case Sound(size=size):
                if start_ns is not None and at_ns > playhead_ns + _PAUSE_NS:
                    yield Stretch(start_ns, playhead_ns, None, track.rate_hz)
                    start_ns = None
                if start_ns is None:
                    start_ns = playhead_ns = at_ns
                playhead_ns = max(playhead_ns, at_ns) + size // _SAMPLE_BYTES * _NS_PER_S // track.rate_hz
            case Plain(message):
                ended = any(isinstance(act, Done) and act.interrupted for act in acts_of("received", message))
                if ended and start_ns is not None:
                    yield Stretch(start_ns, max(start_ns, min(playhead_ns, at_ns)), None, track.rate_hz)
                    start_ns = None
    if start_ns is not None:
        yield Stretch(start_ns, playhead_ns, None, track.rate_hz)


class _Times:
    """When a sample of a track was sent."""

    def __init__(self, connection: RecordedConnection, way: Way, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._places: list[int] = []
        self._times: list[int] = []
        place = 0
        for event in connection.events:
            if isinstance(event, Frame) and event.way == way and isinstance(event.body, Sound):
                self._places.append(place)
                self._times.append(connection.dialled_ns + event.t_ns)
                place += event.body.size // _SAMPLE_BYTES

    def of(self, sample: int) -> int:
        """Nanoseconds since the first dial."""
        index = max(0, bisect_right(self._places, sample) - 1)
        return self._times[index] + (sample - self._places[index]) * _NS_PER_S // self._rate_hz
