"""What a voice activity detector must be able to do."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from roomkit_sim.voice.audio_frame import AudioFrame

__all__ = ["VADEvent", "VADEventType", "VADProvider"]


class VADEventType(StrEnum):
    """What a detector noticed."""

    SPEECH_START = "speech_start"
    SPEECH_END = "speech_end"
    SILENCE = "silence"
    AUDIO_LEVEL = "audio_level"


@dataclass(frozen=True)
class VADEvent:
    """Something that a detector noticed.

    Args:
        type: What.
        audio_bytes: With ``SPEECH_END``: the detector's own cut of the utterance, PCM16; usually absent.
        confidence: From 0 to 1, if known.
        duration_ms: With ``SPEECH_END`` and ``SILENCE``: how long it lasted, if known.
        level_db: With ``AUDIO_LEVEL``: in dBFS.
    """

    type: VADEventType
    audio_bytes: bytes | None = None
    confidence: float | None = None
    duration_ms: float | None = None
    level_db: float | None = None


class VADProvider(ABC):
    """Tells where a caller's speech starts and ends.

    One detector listens to one stream: the channel takes :meth:`for_session` for every session. A detector is called
    on the event loop for every frame and must be quick.
    """

    frame_ms: int | None = None
    """The length of the frames that it wants, in milliseconds; ``None`` takes any."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for reports."""

    @abstractmethod
    def process(self, frame: AudioFrame) -> VADEvent | None:
        """Take the next frame, PCM16 mono.

        Returns:
            What it let be noticed.
        """

    def for_session(self) -> Self:
        """A detector of the same settings for another stream; by default a copy of this one."""
        return copy.deepcopy(self)

    def reset(self) -> None:  # noqa: B027 - optional
        """Forget the stream so far."""

    def close(self) -> None:  # noqa: B027 - optional
        """Release what the detector holds."""
