"""What a server understands of the audio that reaches it: when speech starts and ends, and which utterance it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from roomkit_sim.sim.audio.endpointing import Endpointer, SpeechEvent, SpeechStarted
from roomkit_sim.sim.audio.recognition import Ambiguous, Recognition, UtteranceRecogniser
from roomkit_sim.sim.audio.recognition import Heard as Recognised

__all__ = ["Ear", "Heard", "SpeechBegan", "understood"]

RATE_HZ = 16_000
CONTEXT_SAMPLES = RATE_HZ // 5
MAX_SEGMENT_SAMPLES = 30 * RATE_HZ
_LONGEST_PAUSE_MS = 2000


@dataclass(frozen=True)
class SpeechBegan:
    """The caller began to speak, ``start_sample`` samples after the start of the connection."""

    start_sample: int


@dataclass(frozen=True)
class Heard:
    """The caller has spoken.

    Args:
        recognition: What it was.
        start_sample: Where it began.
        end_sample: Where it was taken to have ended: with the silence that decided it.
    """

    recognition: Recognition
    start_sample: int
    end_sample: int


HearingEvent: TypeAlias = SpeechBegan | Heard


def understood(recognition: Recognition) -> tuple[str | None, str]:
    """The id of what was understood, if anything was, and ``heard``, ``ambiguous`` or ``unknown``."""
    if isinstance(recognition, Recognised):
        return recognition.id, "heard"
    return None, "ambiguous" if isinstance(recognition, Ambiguous) else "unknown"


class Ear:
    """Listens to one connection.

    Args:
        recogniser: Knows the utterances.
        hangover_ms: Silence after speech until it has ended; ``None`` looks for no speech: the client says where it is.
    """

    def __init__(self, recogniser: UtteranceRecogniser, hangover_ms: int | None) -> None:
        self.received = bytearray()
        """All audio of the connection, PCM16 mono at 16 kHz."""
        self._recogniser = recogniser
        self._hangover_ms = hangover_ms
        self.start_afresh()

    @property
    def position(self) -> int:
        """Samples received so far."""
        return len(self.received) // 2

    def listen(self, hangover_ms: int | None) -> None:
        """Go on with another hangover. Speech that is under way counts from here."""
        if hangover_ms != self._hangover_ms:
            self._hangover_ms = hangover_ms
            self.start_afresh()

    def start_afresh(self) -> None:
        """Forget speech that is under way; what was received stays."""
        self._since = self.position
        self._endpointer = None if self._hangover_ms is None else Endpointer(RATE_HZ, self._hangover_ms)

    def feed(self, pcm: bytes) -> list[HearingEvent]:
        """Take the next piece of audio, PCM16 mono at 16 kHz."""
        self.received += pcm
        return [] if self._endpointer is None else [self._placed(event) for event in self._endpointer.feed(pcm)]

    def recognise(self, start_sample: int, end_sample: int) -> Recognition:
        """What was said between two positions that somebody else chose, with any quiet around it."""
        finder = Endpointer(RATE_HZ, _LONGEST_PAUSE_MS)
        quiet = bytes(2 * RATE_HZ * (_LONGEST_PAUSE_MS + 100) // 1000)
        found = finder.feed(bytes(self.received[2 * start_sample : 2 * end_sample]) + quiet)
        starts = [event.start_sample for event in found]
        ends = [event.end_sample for event in found if not isinstance(event, SpeechStarted)]
        if not ends:
            return self._recognise(end_sample, end_sample)
        return self._recognise(start_sample + starts[0], start_sample + ends[-1])

    def _recognise(self, start_sample: int, end_sample: int) -> Recognition:
        start = max(start_sample - CONTEXT_SAMPLES, end_sample - MAX_SEGMENT_SAMPLES)
        end = end_sample + CONTEXT_SAMPLES
        segment = np.frombuffer(bytes(self.received[2 * max(0, start) : 2 * end]), dtype="<i2")
        # Speech at the very start or end of what was received lacks the quiet around it, which recognition needs.
        return self._recogniser.recognise(np.pad(segment, (max(0, -start), max(0, end - self.position))), RATE_HZ)

    def _placed(self, event: SpeechEvent) -> HearingEvent:
        start = self._since + event.start_sample
        if isinstance(event, SpeechStarted):
            return SpeechBegan(start)
        recognition = self._recognise(start, self._since + event.end_sample)
        return Heard(recognition, start, self._since + event.decided_sample)
