"""Voice activity by WebRTC's detector, for lines with noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADProvider
from roomkit_sim.voice.pipeline.vad.decider import SpeechDecider

__all__ = ["WebRTCVADProvider"]

_FRAME_MS = 20
_RATES_HZ = (8000, 16000, 32000, 48000)


class WebRTCVADProvider(VADProvider):
    """WebRTC's detector on frames of 20 ms.

    Args:
        mode: 0 (lets much pass as speech) to 3 (strict).
        start_ms: So much speech starts an utterance.
        hangover_ms: So much silence ends it.

    Raises:
        ConfigurationError: The package ``webrtcvad`` is not installed, or the mode is unknown.
    """

    frame_ms = _FRAME_MS

    def __init__(self, *, mode: int = 3, start_ms: int = 60, hangover_ms: int = 500) -> None:
        if mode not in range(4):
            raise ConfigurationError(f"mode of WebRTC's voice activity detection must be 0 to 3, got {mode!r}")
        self._settings = (mode, start_ms, hangover_ms)
        self._detector = _detector(mode)
        self._decider = SpeechDecider(_FRAME_MS, start_ms, hangover_ms)

    @property
    def name(self) -> str:
        """``"webrtc"``."""
        return "webrtc"

    def for_session(self) -> WebRTCVADProvider:
        """A detector of the same settings."""
        mode, start_ms, hangover_ms = self._settings
        return WebRTCVADProvider(mode=mode, start_ms=start_ms, hangover_ms=hangover_ms)

    def process(self, frame: AudioFrame) -> VADEvent | None:
        """Take a frame of 20 ms at 8, 16, 24, 32 or 48 kHz.

        Raises:
            ConfigurationError: It has another rate.
        """
        return self._decider.feed(self._is_speech(frame))

    def reset(self) -> None:
        """Forget the stream so far."""
        self._decider.reset()

    def _is_speech(self, frame: AudioFrame) -> bool:
        if frame.sample_rate == 24000:
            # The detector does not know 24 kHz. It looks at bands under 4 kHz, so a plain average of three will do.
            thirds = np.frombuffer(frame.data, "<i2").reshape(-1, 3).mean(axis=1)
            return bool(self._detector.is_speech(thirds.astype("<i2").tobytes(), 8000))
        if frame.sample_rate not in _RATES_HZ:
            raise ConfigurationError(
                f"WebRTC's voice activity detection knows no {frame.sample_rate} Hz: set the pipeline's sample_rate to "
                f"8000, 16000, 24000, 32000 or 48000"
            )
        return bool(self._detector.is_speech(frame.data, frame.sample_rate))


def _detector(mode: int) -> Any:
    try:
        import webrtcvad
    except ImportError as error:
        raise ConfigurationError(
            "WebRTCVADProvider needs the package webrtcvad: pip install 'roomkit-sim[vad]', or use EnergyVADProvider"
        ) from error
    return webrtcvad.Vad(mode)
