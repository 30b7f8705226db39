"""What a server understands of the audio that reaches it: when speech starts and ends, and which utterance it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from roomkit_sim.sim.audio.endpointing import Endpointer, SpeechEnded, SpeechStarted
from roomkit_sim.sim.audio.recognition import Recognition, UtteranceRecogniser

__all__ = ["Ear", "Heard", "SpeechBegan"]

RATE_HZ = 16_000
CONTEXT_SAMPLES = RATE_HZ // 5
MAX_SEGMENT_SAMPLES = 30 * RATE_HZ


@dataclass(frozen=True)
class SpeechBegan:
    """The caller began to speak."""


@dataclass(frozen=True)
class Heard:
    """The caller has spoken; ``recognition`` says what it was."""

    recognition: Recognition


HearingEvent: TypeAlias = SpeechBegan | Heard


class Ear:
    """Listens to one connection.

    Args:
        recogniser: Knows the utterances.
        hangover_ms: Silence after speech until it has ended.
    """

    def __init__(self, recogniser: UtteranceRecogniser, hangover_ms: int) -> None:
        self.received = bytearray()
        """All audio of the connection, PCM16 mono at 16 kHz."""
        self._recogniser = recogniser
        self._endpointer = Endpointer(RATE_HZ, hangover_ms)

    def feed(self, pcm: bytes) -> list[HearingEvent]:
        """Take the next piece of audio, PCM16 mono at 16 kHz."""
        self.received += pcm
        found: list[HearingEvent] = []
        for event in self._endpointer.feed(pcm):
            if isinstance(event, SpeechStarted):
                found.append(SpeechBegan())
            else:
                found.append(Heard(self._recognise(event)))
        return found

    def _recognise(self, speech: SpeechEnded) -> Recognition:
        start = max(speech.start_sample - CONTEXT_SAMPLES, speech.end_sample - MAX_SEGMENT_SAMPLES)
        end = speech.end_sample + CONTEXT_SAMPLES
        segment = np.frombuffer(bytes(self.received[2 * max(0, start) : 2 * end]), dtype="<i2")
        # Speech at the very start of a connection has no quiet before it, which recognition needs.
        return self._recogniser.recognise(np.pad(segment, (max(0, -start), 0)), RATE_HZ)
