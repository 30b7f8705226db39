"""A frame of audio on its way from a line to the channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["AudioFrame"]


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """PCM audio, little-endian.

    Args:
        data: The samples, interleaved if there are several channels.
        sample_rate: In Hz.
        channels: How many.
        sample_width: Bytes a sample; 2 is PCM16.
        timestamp_ms: When the first sample was taken, on the line's own clock, if the line knows.
        metadata: Whatever the backend adds.
    """

    data: bytes
    sample_rate: int = 16000
    channels: int = 1
    sample_width: int = 2
    timestamp_ms: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_ms(self) -> float:
        """How long the frame plays, in milliseconds."""
        return 1000.0 * len(self.data) / (self.sample_width * self.channels * self.sample_rate)
