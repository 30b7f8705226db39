import numpy as np
import pytest

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.noise import line_noise
from roomkit_sim.sim.audio.pcm import from_bytes, nanoseconds, sample_at, to_bytes
from roomkit_sim.sim.audio.resampling import resample
from roomkit_sim.sim.audio.spans import Span, audible_spans, join


def test_audible_stretches_are_found_to_a_window() -> None:
    signal = np.zeros(16000, np.int16)
    signal[3000:5000] = 3000
    signal[9000:9010] = 3000
    (first, second) = audible_spans(signal, 16000)
    assert abs(first.start_sample - 3000) <= 80
    assert abs(first.end_sample - 5000) <= 80
    assert second.start_sample <= 9000 < second.end_sample


def test_line_noise_is_not_audible() -> None:
    assert audible_spans(line_noise(np.random.default_rng(0), 160000), 16000) == []


def test_last_short_window_counts() -> None:
    signal = np.zeros(170, np.int16)
    signal[160:] = 5000
    assert audible_spans(signal, 16000) == [Span(160, 170)]
    assert audible_spans(signal[:0], 16000) == []


def test_near_neighbours_are_joined() -> None:
    spans = [Span(0, 10), Span(15, 20), Span(40, 50)]
    assert join(spans, 5) == [Span(0, 20), Span(40, 50)]
    assert join(spans, 4) == spans
    assert len(Span(15, 20)) == 5


def test_line_noise_is_the_same_however_it_is_cut() -> None:
    whole = line_noise(np.random.default_rng(7), 640)
    generator = np.random.default_rng(7)
    parts = np.concatenate([line_noise(generator, 320), line_noise(generator, 320)])
    assert np.array_equal(whole, parts)
    assert 14 < float(np.sqrt(np.mean(whole.astype(float) ** 2))) < 19


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_positions_and_times_convert_there_and_back(rate_hz: int) -> None:
    assert all(sample_at(nanoseconds(sample, rate_hz), rate_hz) == sample for sample in range(0, 100_000, 7))


def test_pcm_bytes_convert_there_and_back() -> None:
    assert to_bytes(from_bytes(b"\x01\x02\x03\x04\x05")) == b"\x01\x02\x03\x04"


def test_resampling_keeps_the_length_in_time_and_refuses_nonsense() -> None:
    assert len(resample(np.ones(16000, np.int16), 16000, 24000)) == 24000
    with pytest.raises(AudioError, match="positive"):
        resample(np.ones(10, np.int16), 0, 16000)
