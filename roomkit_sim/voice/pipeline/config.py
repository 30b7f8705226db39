"""How a channel listens to its callers."""

from __future__ import annotations

from dataclasses import dataclass

from roomkit_sim.voice.pipeline.turn.base import TurnDetector
from roomkit_sim.voice.pipeline.vad.base import VADProvider

__all__ = ["AudioPipelineConfig"]


@dataclass(frozen=True)
class AudioPipelineConfig:
    """The stages between a line and a recogniser.

    Args:
        vad: Cuts the audio into utterances. Without one, a recogniser that streams gets all of the audio and finds the
            utterances itself; with any other recogniser there must be one.
        turn_detector: Tells a pause from the end of a turn; without one every utterance is a turn.
        sample_rate: In Hz, of what detector and recogniser are given.
        preroll_ms: How much audio from before the detector's decision an utterance begins with.
        max_utterance_ms: Longer utterances are recognised in parts.
        silence_notice_ms: ON_VAD_SILENCE is told when the caller has been silent for so long.
    """

    vad: VADProvider | None = None
    turn_detector: TurnDetector | None = None
    sample_rate: int = 16000
    preroll_ms: int = 300
    max_utterance_ms: int = 60_000
    silence_notice_ms: int = 2000

    def __post_init__(self) -> None:
        """Refuse lengths that make no sense.

        Raises:
            ValueError: One of them.
        """
        if self.sample_rate <= 0 or self.max_utterance_ms <= 0 or self.preroll_ms < 0 or self.silence_notice_ms <= 0:
            raise ValueError(
                f"sample_rate ({self.sample_rate}), max_utterance_ms ({self.max_utterance_ms}) and silence_notice_ms "
                f"({self.silence_notice_ms}) must be positive, preroll_ms ({self.preroll_ms}) must not be negative"
            )

    def bytes_of(self, milliseconds: int) -> int:
        """The size of so much PCM16 mono audio."""
        return 2 * (self.sample_rate * milliseconds // 1000)
