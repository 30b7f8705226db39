from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from roomkit_sim.voice.resampler import StreamResampler


@pytest.fixture
def spoken_sentence() -> np.ndarray:
    """A committed recording of a caller, PCM16 at 16 kHz."""
    path = next((Path(__file__).parents[2] / "scenarios" / "audio").glob("need-nurse-*.wav"))
    with wave.open(str(path)) as file:
        pcm, rate_hz = file.readframes(file.getnframes()), file.getframerate()
    return np.frombuffer(StreamResampler(rate_hz, 16000).feed(pcm), "<i2")
