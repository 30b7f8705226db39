from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.endpointing import Endpointer, SpeechEnded, SpeechStarted
from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.noise import line_noise
from roomkit_sim.sim.audio.pcm import to_bytes
from roomkit_sim.sim.audio.resampling import resample

OnLine = Callable[..., NDArray[np.int16]]


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
@pytest.mark.parametrize("name", ["advice", "bonds", "human"])
def test_one_utterance_is_one_turn_with_bounds_near_the_truth(
    spoken: dict[str, Clip], on_line: OnLine, name: str, rate_hz: int
) -> None:
    quiet = np.zeros(16000, np.int16)
    signal = resample(np.concatenate([on_line(spoken[name]), quiet]), 16000, rate_hz)
    started, ended = Endpointer(rate_hz, 500).feed(to_bytes(signal))
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    true_start, true_end = 0.3 * rate_hz, 0.3 * rate_hz + len(spoken[name].samples) * rate_hz / 16000
    assert abs(started.start_sample - true_start) < 0.1 * rate_hz
    assert -0.12 * rate_hz < ended.end_sample - true_end < 0.2 * rate_hz
    assert ended.start_sample == started.start_sample
    assert ended.decided_sample - ended.end_sample == rate_hz // 2
    assert started.decided_sample - started.start_sample == 60 * rate_hz // 1000


def test_line_noise_is_no_speech() -> None:
    noise = line_noise(np.random.default_rng(3), 16000 * 20)
    assert Endpointer(16000, 500).feed(to_bytes(noise)) == []


@pytest.mark.parametrize("piece", [2, 333, 640, 4096])
def test_pieces_do_not_matter(spoken: dict[str, Clip], on_line: OnLine, piece: int) -> None:
    pcm = to_bytes(np.concatenate([on_line(spoken["bonds"]), on_line(spoken["human"])]))
    whole = Endpointer(16000, 400).feed(pcm)
    endpointer = Endpointer(16000, 400)
    pieces = [event for at in range(0, len(pcm), piece) for event in endpointer.feed(pcm[at : at + piece])]
    assert pieces == whole
    assert len(whole) == 4


def test_short_hangover_cuts_a_turn_in_two_and_a_long_one_does_not(spoken: dict[str, Clip], on_line: OnLine) -> None:
    pause = np.zeros(16000 * 3 // 10, np.int16)
    two = np.concatenate([spoken["hello"].samples, pause, spoken["bonds"].samples])
    pcm = to_bytes(on_line(Clip(two, 16000))) + bytes(16000)
    short, long = Endpointer(16000, 100).feed(pcm), Endpointer(16000, 480).feed(pcm)
    assert sum(isinstance(event, SpeechEnded) for event in short) > 1
    assert sum(isinstance(event, SpeechEnded) for event in long) == 1


def test_speaking_tells_whether_a_turn_is_open(spoken: dict[str, Clip], on_line: OnLine) -> None:
    endpointer = Endpointer(16000, 500)
    pcm = to_bytes(on_line(spoken["bonds"]))
    endpointer.feed(pcm[: len(pcm) // 2])
    assert endpointer.speaking
    endpointer.feed(pcm[len(pcm) // 2 :] + bytes(32000))
    assert not endpointer.speaking


def test_unknown_rate_is_refused() -> None:
    with pytest.raises(AudioError, match="44100"):
        Endpointer(44100, 500)
