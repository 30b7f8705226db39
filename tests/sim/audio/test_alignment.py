import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from roomkit_sim.sim.audio.alignment import AlignedSpan, align, coverage
from roomkit_sim.sim.audio.noise import line_noise
from roomkit_sim.sim.audio.resampling import resample
from roomkit_sim.sim.audio.spans import Span

Track = NDArray[np.int16]
RATE = 16000
TWO_MS = 32


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Up to five pieces deleted or repeated, in a track of 15 s: kind, start and length in samples."""
    count = draw(st.integers(1, 5))
    kinds = draw(st.lists(st.sampled_from(["lost", "doubled"]), min_size=count, max_size=count))
    width = 14 * RATE // count
    starts = [draw(st.integers(RATE // 2 + n * width, (n + 1) * width - 2 * RATE // 5)) for n in range(count)]
    lengths = draw(st.lists(st.integers(RATE // 50, RATE // 3), min_size=count, max_size=count))
    return list(zip(kinds, starts, lengths, strict=True))


def edited(track: Track, changes: list[tuple[str, int, int]]) -> Track:
    pieces, at = [], 0
    for kind, start, length in changes:
        pieces.append(track[at : start if kind == "lost" else start + length])
        at = start + length if kind == "lost" else start
    return np.concatenate([*pieces, track[at:]])


def near(found: tuple[Span, ...], wanted: list[tuple[int, int]], tolerance: int) -> bool:
    return len(found) == len(wanted) and all(
        abs(span.start_sample - start) <= tolerance and abs(span.end_sample - end) <= tolerance
        for span, (start, end) in zip(found, wanted, strict=True)
    )


@given(changes=edits())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_deleted_and_repeated_is_found_to_2_ms(
    caller_track: Track, changes: list[tuple[str, int, int]]
) -> None:
    track = caller_track[: 15 * RATE]
    found = coverage(align(track, edited(track, changes), RATE), 0, len(track), TWO_MS)
    for kind, spans in (("lost", found.lost), ("doubled", found.doubled)):
        wanted = [(start, start + length) for what, start, length in changes if what == kind]
        assert near(spans, wanted, TWO_MS), (kind, wanted, spans)


def test_untouched_stream_is_one_span(caller_track: Track) -> None:
    assert align(caller_track, caller_track, RATE) == [AlignedSpan(0, 0, len(caller_track))]


def test_stream_that_begins_late_is_found_anywhere(caller_track: Track) -> None:
    start = 10 * RATE + 123
    assert align(caller_track, caller_track[start:], RATE) == [AlignedSpan(0, start, len(caller_track) - start)]


def test_two_connections_together_cover_the_track(caller_track: Track) -> None:
    cut, overlap = 7 * RATE, RATE // 10
    spans = [*align(caller_track, caller_track[:cut], RATE), *align(caller_track, caller_track[cut - overlap :], RATE)]
    found = coverage(spans, 0, len(caller_track))
    assert found.lost == ()
    assert found.doubled == (Span(cut - overlap, cut),)
    assert found.doubled_samples == overlap


def test_zeroed_audio_is_lost(caller_track: Track) -> None:
    received = caller_track.copy()
    received[RATE * 3 : RATE * 3 + 640] = 0
    found = coverage(align(caller_track, received, RATE), 0, len(caller_track), TWO_MS)
    assert near(found.lost, [(RATE * 3, RATE * 3 + 640)], TWO_MS)
    assert found.doubled == ()


def test_foreign_audio_belongs_to_no_span(caller_track: Track) -> None:
    foreign = line_noise(np.random.default_rng(99), RATE, -30)
    spans = align(caller_track, np.concatenate([caller_track[:RATE], foreign, caller_track[RATE:]]), RATE)
    assert [span.reference_start for span in spans] == pytest.approx([0, RATE], abs=TWO_MS)
    assert spans[1].received_start == pytest.approx(2 * RATE, abs=TWO_MS)
    assert align(caller_track, foreign, RATE) == []
    assert align(caller_track, np.zeros(RATE, np.int16), RATE) == []


@pytest.mark.parametrize("line_hz", [8000, 24000])
@pytest.mark.parametrize("delay_ms", [0.5, 1.0])
def test_loss_is_found_behind_a_resampler_with_a_small_delay(
    caller_track: Track, line_hz: int, delay_ms: float
) -> None:
    line = resample(caller_track, RATE, line_hz)
    line = line + line_noise(np.random.default_rng(5), len(line))
    delay = round(RATE * delay_ms / 1000)
    received = np.concatenate([np.zeros(delay, np.int16), fir_resampled(line, line_hz)[:-delay]])
    cut, length = 5 * RATE + 777, 1500
    spans = align(resample(line, line_hz, RATE), edited(received, [("lost", cut, length)]), RATE)
    found = coverage(spans, 0, len(caller_track), 2 * TWO_MS)
    assert near(found.lost, [(cut - delay, cut + length - delay)], 2 * TWO_MS)
    assert found.doubled == ()


def fir_resampled(samples: Track, line_hz: int) -> Track:
    """A windowed-sinc resampler to 16 kHz without delay, unlike the one that makes the reference."""
    common = np.gcd(line_hz, RATE)
    up, down = RATE // common, line_hz // common
    half = 8 * max(up, down)
    taps = np.arange(-half, half + 1)
    kernel = np.sinc(0.92 / max(up, down) * taps) * 0.92 / max(up, down) * np.kaiser(2 * half + 1, 7.0) * up
    stuffed = np.zeros(len(samples) * up)
    stuffed[::up] = samples
    return np.rint(np.convolve(stuffed, kernel, "same")[::down]).astype(np.int16)


def test_coverage_counts_only_what_is_asked_for() -> None:
    spans = [AlignedSpan(0, 100, 50), AlignedSpan(50, 140, 30)]
    found = coverage(spans, 90, 200)
    assert found.lost == (Span(90, 100), Span(170, 200))
    assert found.doubled == (Span(140, 150),)
    assert (found.lost_samples, found.doubled_samples) == (40, 10)
    assert coverage(spans, 90, 200, least_samples=20).doubled == ()
    assert coverage(spans, 110, 130).lost == ()
    assert coverage([], 0, 10).lost == (Span(0, 10),)
