"""One caller's stream, from the line's frames to utterances, levels and silences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.pipeline.config import AudioPipelineConfig
from roomkit_sim.voice.pipeline.framing import Framer
from roomkit_sim.voice.pipeline.level import dbfs
from roomkit_sim.voice.pipeline.segmenter import Segment, SpeechEnded, SpeechSegmenter, SpeechStarted
from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADEventType
from roomkit_sim.voice.resampler import StreamResampler

__all__ = ["Heard", "Level", "Listener", "Plain", "Silence"]

_METER_MS = 100.0


@dataclass(frozen=True, slots=True)
class Level:
    """How loud a frame is, in dBFS, and whether it belongs to speech."""

    level_db: float
    is_speech: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """The caller has been silent for so long."""

    duration_ms: float


@dataclass(frozen=True, slots=True)
class Plain:
    """All audio, at the pipeline's rate, speech or not."""

    audio: bytes


Heard: TypeAlias = Segment | Level | Silence | Plain


class Listener:
    """Resamples, cuts into frames, asks the detector, and cuts into utterances.

    Args:
        config: The channel's settings; this stream gets a detector of its own.
    """

    def __init__(self, config: AudioPipelineConfig) -> None:
        self._config = config
        self._vad = config.vad.for_session() if config.vad is not None else None
        frame_ms = self._vad.frame_ms if self._vad is not None else None
        self._framer = Framer(None if frame_ms is None else config.bytes_of(frame_ms))
        self._segmenter = SpeechSegmenter(config.bytes_of(config.preroll_ms), config.bytes_of(config.max_utterance_ms))
        self._resampler: StreamResampler | None = None
        self._since_level_ms = _METER_MS
        self._silent_ms = 0.0
        self.speech_ms = 0.0

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking."""
        return self._segmenter.speaking

    def feed(self, frame: AudioFrame) -> list[Heard]:
        """Take a frame of the line, PCM16, of any rate and length; several channels are mixed."""
        heard: list[Heard] = []
        for pcm in self._framer.feed(self._at_rate(_mono(frame), frame.sample_rate)):
            heard += self._frame(pcm)
        return heard

    def close(self) -> None:
        """Release the detector."""
        if self._vad is not None:
            self._vad.close()

    def _frame(self, pcm: bytes) -> list[Heard]:
        duration_ms = 500.0 * len(pcm) / self._config.sample_rate
        event = self._vad.process(AudioFrame(pcm, self._config.sample_rate)) if self._vad is not None else None
        segments = self._segmenter.feed(pcm, event)
        notices = [*self._clock(segments, event, duration_ms), *self._level(pcm, event, duration_ms)]
        return [Plain(pcm), *segments, *notices]

    def _clock(self, segments: list[Segment], event: VADEvent | None, duration_ms: float) -> list[Heard]:
        """Keep count of speech and silence; a long silence is told once."""
        if any(isinstance(part, SpeechStarted) and not part.continues for part in segments):
            self.speech_ms = 0.0
        if self.speaking:
            self.speech_ms += duration_ms
            self._silent_ms = 0.0
            return []
        if any(isinstance(part, SpeechEnded) for part in segments):
            self._silent_ms = 0.0
        before, self._silent_ms = self._silent_ms, self._silent_ms + duration_ms
        if event is not None and event.type is VADEventType.SILENCE:
            return [Silence(self._silent_ms if event.duration_ms is None else event.duration_ms)]
        due = before < self._config.silence_notice_ms <= self._silent_ms
        return [Silence(self._silent_ms)] if due and self._vad is not None else []

    def _level(self, pcm: bytes, event: VADEvent | None, duration_ms: float) -> list[Heard]:
        self._since_level_ms += duration_ms
        if event is not None and event.type is VADEventType.AUDIO_LEVEL and event.level_db is not None:
            return [Level(event.level_db, self.speaking)]
        if self._since_level_ms < _METER_MS:
            return []
        self._since_level_ms = 0.0
        return [Level(dbfs(pcm), self.speaking)]

    def _at_rate(self, pcm: bytes, rate_hz: int) -> bytes:
        if rate_hz == self._config.sample_rate:
            return pcm
        if self._resampler is None or self._resampler.from_hz != rate_hz:
            self._resampler = StreamResampler(rate_hz, self._config.sample_rate)
        return self._resampler.feed(pcm)


def _mono(frame: AudioFrame) -> bytes:
    if frame.channels == 1:
        return frame.data
    import numpy as np

    # What a line cut off in the middle of a moment is not heard; the next frame begins with a whole one.
    whole = len(frame.data) - len(frame.data) % (2 * frame.channels)
    samples = np.frombuffer(frame.data[:whole], "<i2").reshape(-1, frame.channels)
    mixed: bytes = samples.mean(axis=1).round().astype("<i2").tobytes()
    return mixed
