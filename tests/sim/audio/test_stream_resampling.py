"""Changing the rate of a stream."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.stream_resampling import StreamedRate

RATES = [(24_000, 16_000), (8_000, 16_000), (16_000, 24_000)]


def tone(hz: float, rate_hz: int, ms: int = 500) -> NDArray[np.int16]:
    time = np.arange(rate_hz * ms // 1000) / rate_hz
    return (10_000 * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def fed(samples: NDArray[np.int16], rates: tuple[int, int], chunk: int = 640) -> NDArray[np.int16]:
    stream, pcm = StreamedRate(*rates), samples.astype("<i2").tobytes()
    return np.frombuffer(b"".join(stream.feed(pcm[at : at + chunk]) for at in range(0, len(pcm), chunk)), "<i2")


@pytest.mark.parametrize("rates", RATES)
def test_a_tone_comes_out_as_the_same_tone_at_the_same_time(rates: tuple[int, int]) -> None:
    out = fed(tone(1000, rates[0]), rates)
    expected = tone(1000, rates[1])[: len(out)]
    inner = slice(100, len(out) - 100)
    assert np.abs(out[inner].astype(int) - expected[inner]).max() < 150


@pytest.mark.parametrize("rates", RATES)
def test_no_more_than_two_milliseconds_are_held_back(rates: tuple[int, int]) -> None:
    out = fed(tone(1000, rates[0]), rates)
    assert 0 <= rates[1] // 2 - len(out) <= rates[1] * 2 // 1000


@pytest.mark.parametrize("chunk", [2, 322, 962, 4000])
def test_the_pieces_make_no_difference(chunk: int) -> None:
    samples = np.random.default_rng(1).integers(-9000, 9000, 12_000).astype(np.int16)
    whole = fed(samples, (24_000, 16_000), chunk=len(samples) * 2)
    assert np.abs(fed(samples, (24_000, 16_000), chunk).astype(int) - whole).max() <= 1


def test_what_the_lower_rate_cannot_carry_is_taken_out() -> None:
    assert np.abs(fed(tone(10_500, 24_000), (24_000, 16_000))[200:-200]).max() < 150


def test_a_stream_at_its_rate_passes_as_it_is() -> None:
    assert StreamedRate(16_000, 16_000).feed(b"\1\2\3\4") == b"\1\2\3\4"
    assert StreamedRate(24_000, 16_000).feed(b"") == b""


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(AudioError, match="both rates must be positive"):
        StreamedRate(24_000, 0)
