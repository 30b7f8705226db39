"""A small corpus, spoken once a session, and what lines do to sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.noise import line_noise
from roomkit_sim.sim.caller.speech import prepare
from roomkit_sim.sim.scenario.caller import Caller, Say

SENTENCES = {
    "advice": "Hello, I would like some advice about my portfolio.",
    "bonds": "Should I move my savings into bonds this year?",
    "tuesday": "I would like to book an appointment on Tuesday.",
    "thursday": "I would like to book an appointment on Thursday.",
    "buy": "Please buy ten shares of the index fund.",
    "sell": "Please sell ten shares of the index fund.",
    "password": "I forgot the password of my account.",
    "human": "Can I speak to a human please?",
    "hello": "Hello?",
    "left-knee": "I have a pain in my left knee since yesterday.",
    "right-knee": "I have a pain in my right knee since yesterday.",
    "goodbye": "Thank you very much, goodbye.",
}


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Clip]]:
    """Every sentence at 16 kHz."""
    folder = tmp_path_factory.mktemp("speech")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        steps = [Say(id=id, text=text) for id, text in SENTENCES.items()]
        yield prepare(steps, Caller(script=(steps[0],)), Path(folder))


@pytest.fixture
def on_line() -> Callable[..., NDArray[np.int16]]:
    """Puts a clip on a quiet line: noise floor, 300 ms of quiet before and 500 ms after."""

    def put(clip: Clip, seed: int = 1) -> NDArray[np.int16]:
        quiet = np.pad(clip.samples, (clip.rate_hz * 3 // 10, clip.rate_hz // 2))
        return quiet + line_noise(np.random.default_rng(seed), len(quiet))

    return put


@pytest.fixture
def caller_track(spoken: dict[str, Clip], on_line: Callable[..., NDArray[np.int16]]) -> NDArray[np.int16]:
    """About 20 s of a caller on a 16 kHz line."""
    names = ("advice", "bonds", "tuesday", "buy", "human", "password")
    return np.concatenate([on_line(spoken[name], seed) for seed, name in enumerate(names)])
