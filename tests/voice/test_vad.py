"""Detectors of speech."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.pipeline.vad.base import VADEvent, VADEventType, VADProvider
from roomkit_sim.voice.pipeline.vad.decider import SpeechDecider
from roomkit_sim.voice.pipeline.vad.energy import EnergyVADProvider
from roomkit_sim.voice.pipeline.vad.webrtc import WebRTCVADProvider

START, END = VADEventType.SPEECH_START, VADEventType.SPEECH_END


def noise(level: float, milliseconds: int, rate_hz: int = 16000, seed: int = 0) -> np.ndarray:
    samples = np.random.default_rng(seed).normal(0, level * 32768, rate_hz * milliseconds // 1000)
    return np.clip(samples, -32768, 32767).astype("<i2")


def events_of(vad: VADProvider, signal: np.ndarray, rate_hz: int = 16000) -> list[tuple[int, VADEventType]]:
    """What the detector says, with the end of the frame in milliseconds."""
    size = rate_hz // 50
    frames = [AudioFrame(signal[at : at + size].tobytes(), rate_hz) for at in range(0, len(signal) - size + 1, size)]
    answers = [(20 * (number + 1), vad.process(frame)) for number, frame in enumerate(frames)]
    return [(at, event.type) for at, event in answers if event is not None]


@given(st.lists(st.booleans(), max_size=200))
def test_starts_and_ends_alternate_and_need_their_runs(judgements: list[bool]) -> None:
    decider = SpeechDecider(20, 60, 100)
    kinds = []
    for number, judgement in enumerate(judgements):
        event = decider.feed(judgement)
        if event is None:
            continue
        kinds.append(event.type)
        run = judgements[number - 2 : number + 1] if event.type is START else judgements[number - 4 : number + 1]
        assert run == ([True] * 3 if event.type is START else [False] * 5)
    assert kinds == [START, END] * (len(kinds) // 2) + [START] * (len(kinds) % 2)


def test_the_end_tells_how_long_the_speech_was() -> None:
    decider = SpeechDecider(20, 60, 100)
    events = [decider.feed(judgement) for judgement in [True] * 10 + [False] * 5]
    assert events[-1] == VADEvent(END, duration_ms=200.0)


def test_loud_speech_over_a_quiet_line_is_found_with_its_hangover() -> None:
    signal = np.concatenate((noise(0.001, 1000), noise(0.1, 1000), noise(0.001, 1000)))
    assert events_of(EnergyVADProvider(), signal) == [(1060, START), (2500, END)]


def test_speech_from_the_first_sample_is_found() -> None:
    assert events_of(EnergyVADProvider(), noise(0.1, 500)) == [(60, START)]


def test_a_noisy_lines_floor_is_learnt_and_speech_above_it_is_still_found() -> None:
    noisy = noise(0.02, 12000)
    signal = np.concatenate((noisy, noise(0.2, 1000), noise(0.02, 1000, seed=1)))
    events = events_of(EnergyVADProvider(), signal)
    assert events[-2:] == [(12060, START), (13500, END)]


def test_each_session_has_its_own_detector() -> None:
    first = EnergyVADProvider(hangover_ms=100)
    events_of(first, noise(0.1, 500))
    second = first.for_session()
    assert events_of(second, np.concatenate((noise(0.1, 200), noise(0.0001, 200)))) == [(60, START), (300, END)]


def test_a_third_party_detector_is_copied_for_a_session() -> None:
    class Counting(VADProvider):
        def __init__(self) -> None:
            self.seen: list[int] = []

        @property
        def name(self) -> str:
            return "counting"

        def process(self, frame: AudioFrame) -> VADEvent | None:
            self.seen.append(len(frame.data))
            return None

    original = Counting()
    copy = original.for_session()
    copy.process(AudioFrame(b"\0\0"))
    assert (original.seen, copy.seen) == ([], [2])


def test_a_reset_detector_has_forgotten_that_somebody_spoke() -> None:
    vad = EnergyVADProvider()
    events_of(vad, noise(0.1, 500))
    vad.reset()
    assert events_of(vad, noise(0.0001, 1000)) == []


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_webrtc_hears_no_speech_in_silence(rate_hz: int) -> None:
    assert events_of(WebRTCVADProvider().for_session(), np.zeros(rate_hz, "<i2"), rate_hz) == []


def test_webrtc_hears_a_sentence_spoken_on_the_line(spoken_sentence: np.ndarray) -> None:
    signal = np.concatenate((np.zeros(8000, "<i2"), spoken_sentence, np.zeros(16000, "<i2")))
    kinds = [kind for _, kind in events_of(WebRTCVADProvider(), signal)]
    assert kinds == [START, END]


def test_webrtc_refuses_a_rate_that_it_does_not_know() -> None:
    with pytest.raises(ConfigurationError, match="knows no 11025 Hz"):
        WebRTCVADProvider().process(AudioFrame(b"\0\0" * 220, 11025))


def test_a_missing_package_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'roomkit-sim\[vad\]'"):
        WebRTCVADProvider()


def test_a_wrong_mode_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="0 to 3"):
        WebRTCVADProvider(mode=4)


def test_lengths_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        SpeechDecider(20, 0, 100)
