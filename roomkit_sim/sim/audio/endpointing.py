"""Finds where speech starts and ends in a stream: what a provider's voice activity detection does.

WebRTC's detector (mode 3, the strictest) decides on frames of 20 ms; a start needs several speech frames in a row, an
end needs a hangover of frames without speech. The hangover must exceed the pauses within a sentence: espeak's reach
300 ms, so under 350 ms turns are cut in two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from roomkit_sim.errors import AudioError

__all__ = ["Endpointer", "SpeechEnded", "SpeechEvent", "SpeechStarted"]

_FRAME_MS = 20
_STRICTEST = 3
_DETECTOR_RATES = (8000, 16000, 32000, 48000)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at ``start_sample``; it was decided when ``decided_sample`` samples had arrived."""

    start_sample: int
    decided_sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech lasted from ``start_sample`` to ``end_sample``; decided at ``decided_sample``, a hangover later."""

    start_sample: int
    end_sample: int
    decided_sample: int


SpeechEvent: TypeAlias = SpeechStarted | SpeechEnded


class Endpointer:
    """Tells the starts and ends of speech in one stream. Positions count the samples of the stream from 0.

    Args:
        rate_hz: Rate of the stream: 8000, 16000, 24000, 32000 or 48000.
        hangover_ms: So much without speech ends it.
        start_ms: So much speech without a break starts it.

    Raises:
        AudioError: The detector does not know the rate.
    """

    def __init__(self, rate_hz: int, hangover_ms: int, start_ms: int = 60) -> None:
        import webrtcvad

        if rate_hz not in (*_DETECTOR_RATES, 24000):
            raise AudioError(
                f"speech cannot be detected at {rate_hz} Hz: "
                f"use 24000 or one of {', '.join(map(str, _DETECTOR_RATES))} Hz"
            )
        self._rate_hz = rate_hz
        self._detector = webrtcvad.Vad(_STRICTEST)
        self._frame_bytes = 2 * rate_hz * _FRAME_MS // 1000
        self._start_frames = max(1, -(-start_ms // _FRAME_MS))
        self._hangover_frames = max(1, -(-hangover_ms // _FRAME_MS))
        self._pending = b""
        self._frames = 0
        self._run = 0
        self._start: int | None = None
        self._end = 0

    @property
    def speaking(self) -> bool:
        """Whether speech has started and not ended."""
        return self._start is not None

    def feed(self, pcm: bytes) -> list[SpeechEvent]:
        """Take the next piece of the stream, of any length.

        Args:
            pcm: Little-endian PCM16 mono.

        Returns:
            What it let be decided, in order.
        """
        data = self._pending + pcm
        whole = len(data) - len(data) % self._frame_bytes
        self._pending = data[whole:]
        events = (self._frame(data[at : at + self._frame_bytes]) for at in range(0, whole, self._frame_bytes))
        return [event for event in events if event is not None]

    def _frame(self, frame: bytes) -> SpeechEvent | None:
        speech = self._is_speech(frame)
        self._frames += 1
        self._run = self._run + 1 if speech else 0
        if self._start is None:
            return self._maybe_start()
        if speech:
            self._end = self._frames
        if self._frames - self._end < self._hangover_frames:
            return None
        ended = SpeechEnded(self._start, self._sample(self._end), self._sample(self._frames))
        self._start = None
        return ended

    def _maybe_start(self) -> SpeechStarted | None:
        if self._run < self._start_frames:
            return None
        self._start = self._sample(self._frames - self._run)
        self._end = self._frames
        return SpeechStarted(self._start, self._sample(self._frames))

    def _is_speech(self, frame: bytes) -> bool:
        if self._rate_hz != 24000:
            return bool(self._detector.is_speech(frame, self._rate_hz))
        # The detector does not know 24 kHz. It looks at bands under 4 kHz, so a plain average of three will do.
        thirds = np.frombuffer(frame, dtype="<i2").reshape(-1, 3).mean(axis=1)
        return bool(self._detector.is_speech(thirds.astype("<i2").tobytes(), 8000))

    def _sample(self, frame: int) -> int:
        return frame * self._frame_bytes // 2
