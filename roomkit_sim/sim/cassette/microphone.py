"""Whether the caller is heard to say what the recorded caller said. Pure; fed in any portions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.sim.audio.pcm import from_bytes
from roomkit_sim.sim.cassette.model import Track
from roomkit_sim.sim.cassette.tracks import LEVEL_WINDOW_MS, levels

__all__ = ["Matching", "MicrophoneMatcher", "Mismatch"]

Matching: TypeAlias = Literal["content", "energy", "amount", "ignore"]
"""
``content``: the same sound. ``energy``: speech and silence at the same places. ``amount``: any sound, but what the
server did comes when as much has arrived. ``ignore``: none need arrive.
"""

SPEECH_DBFS = -45
"""Louder is speech: synthetic and telephone speech has -30 and more, the noise of a line less than -55."""

TOLERANCE_WINDOWS = 3
"""By how many windows of 100 ms a sound may be earlier or later, or longer or shorter at its ends."""

BLOCK_WINDOWS = 5
LEAST_CORRELATION = 0.7


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A place at which the caller sounds otherwise.

    Args:
        at_ms: Where in the connection's audio.
        recorded: What was recorded there.
        actual: What is there now.
    """

    at_ms: int
    recorded: str
    actual: str


class MicrophoneMatcher:
    """Compares one connection's audio with the recorded one, as it comes.

    Args:
        recorded: The track of the recording.
        matching: How to compare.
    """

    def __init__(self, recorded: Track, matching: Matching) -> None:
        self._by_content = matching == "content" and recorded.pcm is not None
        self._off = matching in ("amount", "ignore")
        self._rate_hz = recorded.rate_hz
        self._window = recorded.rate_hz * LEVEL_WINDOW_MS // 1000 * 2
        self._recorded_pcm = recorded.pcm or b""
        measured = recorded.levels if recorded.pcm is None else levels(recorded.pcm, recorded.rate_hz)
        self._recorded = [] if self._off else [level > SPEECH_DBFS for level in measured or ()]
        self._pcm = bytearray()
        self._actual: list[bool] = []
        self._compared = 0
        self._compared_blocks = 0

    def feed(self, pcm: bytes) -> Mismatch | None:
        """Take audio; say what does not match, if that is heard now."""
        if self._off:
            return None
        self._pcm += pcm
        begin = len(self._actual) * self._window
        whole = (len(self._pcm) - begin) // self._window * self._window
        if not whole:
            return None
        new = levels(bytes(self._pcm[begin : begin + whole]), self._rate_hz)
        self._actual += [level > SPEECH_DBFS for level in new]
        return self._compare_energy() or (self._compare_content() if self._by_content else None)

    def _compare_energy(self) -> Mismatch | None:
        while self._compared + TOLERANCE_WINDOWS < min(len(self._actual), len(self._recorded)):
            at = self._compared
            self._compared += 1
            near = slice(max(0, at - TOLERANCE_WINDOWS), at + TOLERANCE_WINDOWS + 1)
            if self._recorded[at] and not any(self._actual[near]):
                return Mismatch(at * LEVEL_WINDOW_MS, "speech", "silence")
            if self._actual[at] and not any(self._recorded[near]):
                return Mismatch(at * LEVEL_WINDOW_MS, "silence", "speech")
        return None

    def _compare_content(self) -> Mismatch | None:
        while (self._compared_blocks + 1) * BLOCK_WINDOWS <= self._compared:
            first = self._compared_blocks * BLOCK_WINDOWS
            self._compared_blocks += 1
            # What lies at the edge of speech may be silence in the other one.
            if all(self._recorded[first : first + BLOCK_WINDOWS]) and not self._is_same(first):
                return Mismatch(first * LEVEL_WINDOW_MS, "a sound", "another sound")
        return None

    def _is_same(self, first: int) -> bool:
        begin, end = first * self._window, (first + BLOCK_WINDOWS) * self._window
        block = self._recorded_pcm[begin:end]
        if self._pcm[begin:end] == block:
            return True
        margin = TOLERANCE_WINDOWS * self._window
        around = bytes(self._pcm[max(0, begin - margin) : end + margin])
        return _best_correlation(_floats(block), _floats(around)) >= LEAST_CORRELATION


def _floats(pcm: bytes) -> NDArray[np.float64]:
    return from_bytes(pcm).astype(np.float64)


def _best_correlation(block: NDArray[np.float64], around: NDArray[np.float64]) -> float:
    """The highest normalised correlation of a block with any part of equal length of a longer signal."""
    if len(around) < len(block):
        return 0.0
    size = 1 << (len(around) + len(block)).bit_length()
    spectrum = np.fft.rfft(around, size) * np.conj(np.fft.rfft(block, size))
    products = np.fft.irfft(spectrum, size)[: len(around) - len(block) + 1]
    sums = np.concatenate(([0.0], np.cumsum(around**2)))
    energies = sums[len(block) :] - sums[: len(around) - len(block) + 1]
    norm = np.sqrt(np.maximum(energies, 1.0) * max(float(block @ block), 1.0))
    return float(np.max(products / norm))
