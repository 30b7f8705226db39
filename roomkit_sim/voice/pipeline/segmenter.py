"""Cuts a caller's audio into utterances, by what a voice activity detector says. Pure.

A detector notices speech some frames late, so an utterance begins with the audio before that moment. Within an
utterance no sample is lost or doubled, and no sample is in two utterances.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADEventType

__all__ = ["Segment", "SpeechAudio", "SpeechEnded", "SpeechSegmenter", "SpeechStarted"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance begins.

    Args:
        audio: What it begins with: the audio from before the decision, and the frame that brought it.
        continues: Whether it is the rest of one that grew too long.
    """

    audio: bytes
    continues: bool = False


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """More audio of the utterance."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance is over.

    Args:
        audio: The detector's own cut of the utterance, where it makes one; takes the place of what was passed on.
        continues: Whether the caller goes on speaking, and only the utterance was too long.
    """

    audio: bytes | None = None
    continues: bool = False


Segment: TypeAlias = SpeechStarted | SpeechAudio | SpeechEnded


class SpeechSegmenter:
    """The state of one caller's stream.

    Args:
        preroll_bytes: How much audio from before the decision an utterance begins with, at most.
        max_bytes: An utterance that has grown to this size is cut; the next one goes on without a gap.
    """

    def __init__(self, preroll_bytes: int, max_bytes: int) -> None:
        self._preroll_bytes = preroll_bytes
        self._max_bytes = max_bytes
        self._before: deque[bytes] = deque()
        self._before_bytes = 0
        self._speaking = False
        self._length = 0

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return self._speaking

    def feed(self, frame: bytes, event: VADEvent | None) -> list[Segment]:
        """Take a frame and what the detector said to it.

        The frame that ends an utterance belongs to it.
        """
        kind = event.type if event is not None else None
        if not self._speaking:
            self._remember(frame)
            return [self._begin()] if kind is VADEventType.SPEECH_START else []
        self._length += len(frame)
        segments: list[Segment] = [SpeechAudio(frame)]
        if kind is VADEventType.SPEECH_END:
            self._speaking = False
            segments.append(SpeechEnded(event.audio_bytes if event is not None else None))
        elif self._length >= self._max_bytes:
            self._length = 0
            segments += [SpeechEnded(continues=True), SpeechStarted(b"", continues=True)]
        return segments

    def _begin(self) -> SpeechStarted:
        audio = b"".join(self._before)
        self._before.clear()
        self._before_bytes = 0
        self._speaking = True
        self._length = len(audio)
        return SpeechStarted(audio)

    def _remember(self, frame: bytes) -> None:
        """Keep whole frames: the newest, and as many before it as fit."""
        self._before.append(frame)
        self._before_bytes += len(frame)
        while len(self._before) > 1 and self._before_bytes - len(frame) > self._preroll_bytes:
            self._before_bytes -= len(self._before.popleft())
