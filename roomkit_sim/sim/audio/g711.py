"""The companding laws of telephony: 8 bits for a sample (ITU-T G.711, tables 1a to 2b)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["A_LAW", "MU_LAW", "Law"]

_MU_BIAS = 0x84
_MU_CLIP = 0x7FFF - _MU_BIAS
_MU_INVERTED = 0xFF
_A_EVEN_BITS = 0x55


@dataclass(frozen=True)
class Law:
    """One of the two laws.

    Args:
        name: ``mu`` or ``a``.
    """

    name: str

    def decode(self, data: bytes) -> bytes:
        """Companded samples as PCM16 little-endian."""
        return bytes(self._expanded()[np.frombuffer(data, np.uint8)])

    def encode(self, pcm: bytes) -> bytes:
        """PCM16 little-endian companded, one byte a sample."""
        return bytes(self._compressed()[np.frombuffer(pcm, "<u2")])

    def _expanded(self) -> NDArray[np.int16]:
        return _mu_expanded() if self.name == "mu" else _a_expanded()

    def _compressed(self) -> NDArray[np.uint8]:
        return _mu_compressed() if self.name == "mu" else _a_compressed()


MU_LAW, A_LAW = Law("mu"), Law("a")


@cache
def _mu_expanded() -> NDArray[np.int16]:
    code = np.arange(256) ^ _MU_INVERTED
    magnitude = ((((code & 0x0F) << 3) + _MU_BIAS) << ((code & 0x70) >> 4)) - _MU_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype("<i2")


@cache
def _mu_compressed() -> NDArray[np.uint8]:
    """The code of each 16-bit sample, by its bits as an unsigned number."""
    sample = np.arange(0x10000).astype(np.uint16).view(np.int16).astype(np.int32)
    # The law has 14 bits: the two lowest are cut off, towards minus infinity.
    magnitude = np.minimum(np.abs((sample >> 2) << 2), _MU_CLIP) + _MU_BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F)
    codes: NDArray[np.uint8] = ((code | np.where(sample < 0, 0x80, 0)) ^ _MU_INVERTED).astype(np.uint8)
    return codes


@cache
def _a_expanded() -> NDArray[np.int16]:
    code = np.arange(256) ^ _A_EVEN_BITS
    segment, step = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype("<i2")


@cache
def _a_compressed() -> NDArray[np.uint8]:
    sample = np.arange(0x10000).astype(np.uint16).view(np.int16).astype(np.int32)
    # The law has 13 bits; negative samples are counted from -1 downwards.
    linear = sample >> 3
    magnitude = np.where(linear >= 0, linear, -linear - 1)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    step = np.where(segment < 2, magnitude >> 1, magnitude >> segment) & 0x0F
    code = (segment << 4) | step
    return ((code | np.where(sample >= 0, 0x80, 0)) ^ _A_EVEN_BITS).astype(np.uint8)
