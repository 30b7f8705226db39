"""Voice activity by loudness: needs no package beside numpy, and hears clean lines well."""

from __future__ import annotations

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.pipeline.level import dbfs
from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADProvider
from roomkit_sim.voice.pipeline.vad.decider import SpeechDecider

__all__ = ["EnergyVADProvider"]

_FRAME_MS = 20
# The floor falls at once and rises 3 dB a second, so that it follows a line's noise but not a sentence.
_RISE_DB_PER_FRAME = 3.0 * _FRAME_MS / 1000


class EnergyVADProvider(VADProvider):
    """Speech is what stands out of the line's noise and is not too soft.

    Args:
        threshold_dbfs: Nothing softer is speech.
        margin_db: Speech is louder than the noise floor by this much.
        start_ms: So much speech starts an utterance.
        hangover_ms: So much silence ends it.
    """

    frame_ms = _FRAME_MS

    def __init__(
        self, *, threshold_dbfs: float = -45.0, margin_db: float = 9.0, start_ms: int = 60, hangover_ms: int = 500
    ) -> None:
        self._settings = (threshold_dbfs, margin_db, start_ms, hangover_ms)
        self._threshold_dbfs = threshold_dbfs
        self._margin_db = margin_db
        self._decider = SpeechDecider(_FRAME_MS, start_ms, hangover_ms)
        self._floor_dbfs: float | None = None

    @property
    def name(self) -> str:
        """``"energy"``."""
        return "energy"

    def for_session(self) -> EnergyVADProvider:
        """A detector of the same settings."""
        threshold_dbfs, margin_db, start_ms, hangover_ms = self._settings
        return EnergyVADProvider(
            threshold_dbfs=threshold_dbfs, margin_db=margin_db, start_ms=start_ms, hangover_ms=hangover_ms
        )

    def process(self, frame: AudioFrame) -> VADEvent | None:
        """Take a frame of 20 ms."""
        return self._decider.feed(self._is_speech(dbfs(frame.data)))

    def reset(self) -> None:
        """Forget the stream so far, the noise floor included."""
        self._decider.reset()
        self._floor_dbfs = None

    def _is_speech(self, level_dbfs: float) -> bool:
        # A stream that begins with speech must not take it for the noise floor.
        floor = (
            min(level_dbfs, self._threshold_dbfs - self._margin_db) if self._floor_dbfs is None else self._floor_dbfs
        )
        self._floor_dbfs = min(level_dbfs, floor + _RISE_DB_PER_FRAME)
        return level_dbfs > max(self._threshold_dbfs, self._floor_dbfs + self._margin_db)
