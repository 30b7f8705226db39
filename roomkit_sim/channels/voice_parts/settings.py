"""What the constructor's arguments come to. Pure."""

from __future__ import annotations

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.interruption import InterruptionConfig, InterruptionStrategy
from roomkit_sim.voice.pipeline.config import AudioPipelineConfig
from roomkit_sim.voice.pipeline.vad.energy import EnergyVADProvider
from roomkit_sim.voice.stt.base import STTProvider

__all__ = ["interruption_of", "pipeline_of"]


def pipeline_of(
    pipeline: AudioPipelineConfig | None, stt: STTProvider | None, *, streaming: bool, batch_mode: bool
) -> AudioPipelineConfig:
    """The pipeline that was asked for, or one that detects speech by loudness.

    Raises:
        ConfigurationError: The pipeline has no detector, and the recogniser cannot find utterances itself.
    """
    if pipeline is None:
        return AudioPipelineConfig(vad=EnergyVADProvider())
    if pipeline.vad is None and stt is not None and not batch_mode and not (streaming and stt.supports_streaming):
        raise ConfigurationError(
            f"the recogniser {stt.name!r} does not stream here, so it cannot find utterances: give the pipeline a vad="
        )
    return pipeline


def interruption_of(config: InterruptionConfig | None, enabled: bool, threshold_ms: float) -> InterruptionConfig:
    """The interruption that was asked for, in detail or in short."""
    if config is not None:
        return config
    strategy = InterruptionStrategy.IMMEDIATE if enabled else InterruptionStrategy.DISABLED
    return InterruptionConfig(strategy, min_played_ms=threshold_ms)
