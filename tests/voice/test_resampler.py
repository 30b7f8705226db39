from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.voice.resampler import StreamResampler

RATES = [(24000, 16000), (16000, 24000), (24000, 8000), (8000, 24000), (16000, 8000), (8000, 16000), (48000, 16000)]


def tone(hz: float, rate_hz: int, seconds: float = 1.0, amplitude: float = 16000) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype("<i2")


def resampled(samples: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    return np.frombuffer(StreamResampler(from_hz, to_hz).feed(samples.tobytes()), "<i2").astype(float)


@given(
    rates=st.sampled_from(RATES),
    samples=st.lists(st.integers(-32768, 32767), max_size=400),
    cuts=st.lists(st.integers(0, 800), max_size=12),
)
def test_the_output_does_not_depend_on_the_pieces(rates, samples, cuts):
    pcm = np.array(samples, "<i2").tobytes()
    whole = StreamResampler(*rates).feed(pcm)
    stream = StreamResampler(*rates)
    edges = sorted({0, *(cut for cut in cuts if cut < len(pcm)), len(pcm)})
    pieces = [stream.feed(pcm[start:end]) for start, end in pairwise(edges)]
    assert b"".join(pieces) == whole


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_a_tone_keeps_its_shape(from_hz, to_hz):
    got = resampled(tone(1000, from_hz), from_hz, to_hz)
    time = np.arange(got.size) / to_hz - StreamResampler(from_hz, to_hz).delay_s
    wanted = 16000 * np.sin(2 * np.pi * 1000 * time)
    settled = slice(to_hz // 10, None)
    error = got[settled] - wanted[settled]
    snr_db = 10 * np.log10(np.mean(wanted[settled] ** 2) / np.mean(error**2))
    assert snr_db > 65


@pytest.mark.parametrize(("from_hz", "to_hz"), [rates for rates in RATES if rates[0] > rates[1]])
def test_what_the_output_cannot_carry_is_removed(from_hz, to_hz):
    got = resampled(tone(0.5 * to_hz * 1.25, from_hz), from_hz, to_hz)
    alias_db = 20 * np.log10(np.sqrt(np.mean(got[to_hz // 10 :] ** 2)) / (16000 / np.sqrt(2)) + 1e-12)
    assert alias_db < -60


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_twenty_milliseconds_in_are_twenty_milliseconds_out(from_hz, to_hz):
    stream = StreamResampler(from_hz, to_hz)
    assert {len(stream.feed(bytes(2 * (from_hz // 50)))) for _ in range(20)} == {2 * (to_hz // 50)}


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_the_delay_is_under_two_milliseconds(from_hz, to_hz):
    assert StreamResampler(from_hz, to_hz).delay_s < 0.002


def test_a_steady_level_stays_steady():
    got = resampled(np.full(4000, 1000, "<i2"), 8000, 24000)
    assert set(got[1000:].tolist()) == {1000.0}


def test_equal_rates_pass_audio_through():
    assert StreamResampler(16000, 16000).feed(b"\1\2\3\4") == b"\1\2\3\4"


def test_loud_audio_is_clipped_and_not_wrapped():
    square = np.where(np.arange(2000) % 40 < 20, 32767, -32768).astype("<i2")
    got = resampled(square, 16000, 24000)
    assert np.all(np.abs(np.diff(got)) < 60000)
    assert got.max() == 32767


def test_reset_forgets_the_past():
    stream = StreamResampler(16000, 8000)
    first = stream.feed(tone(440, 16000, 0.1).tobytes())
    stream.reset()
    assert stream.feed(tone(440, 16000, 0.1).tobytes()) == first


def test_a_rate_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        StreamResampler(0, 8000)
