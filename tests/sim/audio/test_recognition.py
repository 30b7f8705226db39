from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.noise import line_noise
from roomkit_sim.sim.audio.recognition import Ambiguous, Heard, Unheard, UtteranceRecogniser
from roomkit_sim.sim.audio.resampling import resample

OnLine = Callable[..., NDArray[np.int16]]
KNOWN = ("advice", "bonds", "tuesday", "buy", "password", "human", "left-knee", "goodbye")


@pytest.fixture(scope="module")
def recogniser(spoken: dict[str, Clip]) -> UtteranceRecogniser:
    return UtteranceRecogniser({name: spoken[name] for name in KNOWN})


def telephone(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    return resample(resample(samples, 16000, 8000), 8000, 16000)


@pytest.mark.parametrize("name", KNOWN)
def test_known_utterance_is_heard(
    recogniser: UtteranceRecogniser, spoken: dict[str, Clip], on_line: OnLine, name: str
) -> None:
    result = recogniser.recognise(on_line(spoken[name]), 16000)
    assert isinstance(result, Heard)
    assert result.id == name
    assert result.margin > 0.1


@pytest.mark.parametrize("name", KNOWN)
def test_known_utterance_is_heard_through_a_telephone_line(
    recogniser: UtteranceRecogniser, spoken: dict[str, Clip], on_line: OnLine, name: str
) -> None:
    result = recogniser.recognise(telephone(on_line(spoken[name])), 16000)
    assert isinstance(result, Heard)
    assert result.id == name


@pytest.mark.parametrize("name", ["advice", "goodbye"])
def test_received_rate_and_template_rate_may_be_8_khz(spoken: dict[str, Clip], on_line: OnLine, name: str) -> None:
    templates = {known: Clip(resample(spoken[known].samples, 16000, 8000), 8000) for known in KNOWN}
    result = UtteranceRecogniser(templates).recognise(resample(on_line(spoken[name]), 16000, 8000), 8000)
    assert isinstance(result, Heard)
    assert result.id == name


@pytest.mark.parametrize("gain", [0.05, 0.3, 1.4])
def test_loudness_does_not_matter(
    recogniser: UtteranceRecogniser, spoken: dict[str, Clip], on_line: OnLine, gain: float
) -> None:
    louder = Clip(np.clip(spoken["human"].samples * gain, -32768, 32767).astype(np.int16), 16000)
    result = recogniser.recognise(on_line(louder), 16000)
    assert isinstance(result, Heard)
    assert result.id == "human"


@pytest.mark.parametrize("name", ["thursday", "sell", "right-knee", "hello"])
def test_utterance_that_differs_in_one_word_is_unheard(
    recogniser: UtteranceRecogniser, spoken: dict[str, Clip], on_line: OnLine, name: str
) -> None:
    assert isinstance(recogniser.recognise(on_line(spoken[name]), 16000), Unheard)


def test_near_duplicate_would_pass_by_its_score_alone(
    recogniser: UtteranceRecogniser, spoken: dict[str, Clip], on_line: OnLine
) -> None:
    result = recogniser.recognise(on_line(spoken["thursday"]), 16000)
    assert isinstance(result, Unheard)
    assert result.best == "tuesday"
    assert result.score > 0.9


def test_known_sentence_within_a_longer_one_is_unheard(spoken: dict[str, Clip], on_line: OnLine) -> None:
    knows_hello = UtteranceRecogniser({"hello": spoken["hello"]})
    assert isinstance(knows_hello.recognise(on_line(spoken["advice"]), 16000), Unheard)
    assert isinstance(knows_hello.recognise(on_line(spoken["hello"]), 16000), Heard)


@pytest.mark.parametrize("part", ["first", "last", "middle"])
def test_utterance_with_a_part_missing_is_unheard(
    recogniser: UtteranceRecogniser, spoken: dict[str, Clip], on_line: OnLine, part: str
) -> None:
    samples = spoken["advice"].samples
    third, half = len(samples) // 3, len(samples) // 2
    damaged = {
        "first": samples[third:],
        "last": samples[:-third],
        "middle": np.concatenate([samples[: half - 2400], samples[half + 2400 :]]),
    }[part]
    assert isinstance(recogniser.recognise(on_line(Clip(damaged, 16000)), 16000), Unheard)


def test_audio_at_the_wrong_speed_is_unheard(
    recogniser: UtteranceRecogniser, spoken: dict[str, Clip], on_line: OnLine
) -> None:
    received = on_line(spoken["advice"])
    assert isinstance(recogniser.recognise(received, 24000), Unheard)
    assert isinstance(recogniser.recognise(received, 8000), Unheard)


def test_silence_noise_and_tones_are_unheard(recogniser: UtteranceRecogniser) -> None:
    generator = np.random.default_rng(2)
    tone = (8000 * np.sin(np.arange(32000) * 0.2)).astype(np.int16)
    for sound in (np.zeros(16000, np.int16), line_noise(generator, 32000), line_noise(generator, 32000, -25), tone):
        assert isinstance(recogniser.recognise(sound, 16000), Unheard)
    assert recogniser.recognise(np.zeros(0, np.int16), 16000) == Unheard(None, 0.0)


def test_nothing_is_heard_when_nothing_is_known(spoken: dict[str, Clip]) -> None:
    assert UtteranceRecogniser({}).recognise(spoken["bonds"].samples, 16000) == Unheard(None, 0.0)


def test_same_sound_under_two_names_is_ambiguous(spoken: dict[str, Clip], on_line: OnLine) -> None:
    twins = UtteranceRecogniser({"one": spoken["bonds"], "two": spoken["bonds"]})
    result = twins.recognise(on_line(spoken["bonds"]), 16000)
    assert isinstance(result, Ambiguous)
    assert {name for name, _ in result.candidates} == {"one", "two"}
    assert result.score > 0.9


def test_similar_pairs_names_what_cannot_be_told_apart(spoken: dict[str, Clip]) -> None:
    pairs = UtteranceRecogniser(spoken).similar_pairs()
    assert [(pair.a, pair.b) for pair in pairs] == [("tuesday", "thursday")]
    assert pairs[0].score > 0.8


def test_all_sentences_are_told_apart_when_all_are_known(spoken: dict[str, Clip], on_line: OnLine) -> None:
    knows_all = UtteranceRecogniser(spoken)
    results = {name: knows_all.recognise(on_line(clip), 16000) for name, clip in spoken.items()}
    assert {name: result.id if isinstance(result, Heard) else None for name, result in results.items()} == {
        name: name for name in spoken
    }
