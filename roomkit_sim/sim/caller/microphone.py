"""What the caller says: speech placed on the noise floor of the line, cut into frames."""

from __future__ import annotations

import numpy as np

from roomkit_sim.sim.audio.noise import line_noise
from roomkit_sim.sim.audio.pcm import Samples, to_int16

__all__ = ["FRAME_MS", "Microphone"]

FRAME_MS = 20


class Microphone:
    """The uplink of one line. Positions count from the start of the run at the line's rate.

    Args:
        rate_hz: The line's rate.
        noise: Where the noise floor is drawn from.
        start: The position at which the line is connected; the first frame starts there.
    """

    def __init__(self, rate_hz: int, noise: np.random.Generator, start: int) -> None:
        self.frame_samples = rate_hz * FRAME_MS // 1000
        self.start = start
        self._noise = noise
        self._frames: list[Samples] = []
        self._speech: list[tuple[int, Samples]] = []

    @property
    def captured(self) -> int:
        """The position up to which frames were taken."""
        return self.start + len(self._frames) * self.frame_samples

    def speak(self, samples: Samples, position: int) -> None:
        """Let ``samples`` be spoken from ``position`` on; what would lie in frames already taken is not spoken."""
        self._speech.append((position, samples))

    def next_frame(self) -> Samples:
        """Take the next 20 ms."""
        begin = self.captured
        frame = line_noise(self._noise, self.frame_samples)
        for position, samples in self._speech:
            frame = _mixed(frame, samples, position - begin)
        self._speech = [(at, samples) for at, samples in self._speech if at + len(samples) > begin + self.frame_samples]
        self._frames.append(frame)
        return frame

    def track(self, length: int) -> Samples:
        """What was taken, from position 0 to ``length``: silence before the line was connected."""
        silence = np.zeros(self.start, dtype=np.int16)
        track = np.concatenate([silence, *self._frames])[:length]
        return np.pad(track, (0, length - len(track)))


def _mixed(frame: Samples, samples: Samples, offset: int) -> Samples:
    """``frame`` with ``samples`` added, whose first lies at ``offset`` in it, or before or after it."""
    first, last = max(0, offset), min(len(frame), offset + len(samples))
    if first >= last:
        return frame
    total = frame.astype(np.float32)
    total[first:last] += samples[first - offset : last - offset]
    return to_int16(total)
