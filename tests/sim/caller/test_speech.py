from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.files import Clip, write_wav
from roomkit_sim.sim.caller import speech, synthesis
from roomkit_sim.sim.caller.speech import commit_speech, prepare, request_for, speech_bounds
from roomkit_sim.sim.caller.store import content_key, find_committed, store_folders
from roomkit_sim.sim.caller.synthesis import SpeechRequest
from roomkit_sim.sim.scenario.caller import Caller, Say

ASK = Say(id="ask", text="Can I speak to a human please?")
BYE = Say(id="bye", text="Goodbye.")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def base_dir(tmp_path: Path) -> Path:
    (tmp_path / "scenarios" / "finance").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    return tmp_path / "scenarios" / "finance"


def caller(**settings: object) -> Caller:
    return Caller.model_validate({"script": ["hang_up"], **settings})


def no_synthesiser(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise AudioError("speech synthesis is not installed")

    monkeypatch.setattr(speech, "engine_versions", missing)


def test_speech_is_synthesised_once_and_is_always_the_same(base_dir: Path, tmp_path: Path) -> None:
    first = prepare([ASK, BYE], caller(), base_dir)
    for file in (tmp_path / "cache").rglob("*.wav"):
        file.unlink()
    second = prepare([ASK, BYE], caller(), base_dir)
    assert list(first) == ["ask", "bye"]
    assert all(np.array_equal(first[id].samples, second[id].samples) for id in first)
    assert first["ask"].duration_ms > 1000


def test_cached_speech_needs_no_synthesiser(base_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare([ASK], caller(), base_dir)
    monkeypatch.setattr(speech, "synthesise", lambda requests, folder: pytest.fail("synthesised again"))
    assert np.array_equal(prepare([ASK], caller(), base_dir)["ask"].samples, first["ask"].samples)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_speech_comes_at_the_rate_of_the_line_trimmed_to_what_is_audible(base_dir: Path, rate_hz: int) -> None:
    clip = prepare([ASK], caller(sample_rate_hz=rate_hz), base_dir)["ask"]
    bounds = speech_bounds(clip)
    assert clip.rate_hz == rate_hz
    assert bounds.start_sample <= rate_hz // 100
    assert len(clip.samples) - bounds.end_sample <= rate_hz // 100


def test_pitch_rate_and_voice_make_other_speech(base_dir: Path) -> None:
    plain = prepare([BYE], caller(), base_dir)["bye"]
    others = [caller(pitch=80), caller(rate_wpm=250), caller(voice="en-us+f3")]
    clips = [prepare([BYE], other, base_dir)["bye"] for other in others]
    assert all(not np.array_equal(plain.samples, clip.samples) for clip in clips)
    assert len(clips[1].samples) < len(plain.samples)


@pytest.mark.parametrize("voice", ["en-gb", "en-us+nope", "klingon"])
def test_voice_that_espeak_would_silently_replace_is_refused(base_dir: Path, voice: str) -> None:
    with pytest.raises(AudioError, match=r"utterance 'ask'.*espeak has no voice"):
        prepare([ASK], caller(voice=voice), base_dir)


def test_committed_speech_is_used_where_there_is_no_synthesiser(
    base_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (written,) = commit_speech([ASK], caller(), base_dir)
    assert written == base_dir / "audio" / f"ask-{content_key(request_for(ASK, caller()))}.wav"
    assert commit_speech([ASK], caller(), base_dir) == []
    spoken = prepare([ASK], caller(), base_dir)["ask"]
    no_synthesiser(monkeypatch)
    for file in cache.rglob("*.wav"):
        file.unlink()
    renamed = Say(id="renamed", text=ASK.text)
    assert np.array_equal(prepare([renamed], caller(), base_dir)["renamed"].samples, spoken.samples)


def test_committed_speech_of_a_folder_above_is_found_and_extended(base_dir: Path) -> None:
    store = base_dir.parent / "audio"
    store.mkdir()
    (written,) = commit_speech([BYE], caller(), base_dir)
    assert written.parent == store
    assert find_committed(request_for(BYE, caller()), base_dir) == written
    assert store_folders(base_dir)[-1] == base_dir.parent.parent / "audio"


def test_missing_speech_says_which_utterance_and_what_to_do(base_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_synthesiser(monkeypatch)
    with pytest.raises(AudioError) as caught:
        prepare([ASK], caller(), base_dir)
    message = str(caught.value)
    key = content_key(request_for(ASK, caller()))
    for part in ("utterance 'ask'", ASK.text, "not installed", f"ask-{key}.wav", "'file'"):
        assert part in message


def test_sound_file_is_taken_as_it_is(base_dir: Path) -> None:
    sound = (9000 * np.sin(np.arange(32000) * 0.3)).astype(np.int16)
    write_wav(base_dir / "noise.wav", sound, 16000)
    clip = prepare([Say(id="own", file=Path("noise.wav"))], caller(), base_dir)["own"]
    assert np.array_equal(clip.samples, sound)
    with pytest.raises(AudioError, match=r"utterance 'own'.*no such sound file"):
        prepare([Say(id="own", file=Path("gone.wav"))], caller(), base_dir)


def test_end_of_speech_is_not_the_end_of_the_file() -> None:
    sound = np.zeros(32000, np.int16)
    sound[4000:20000] = (9000 * np.sin(np.arange(16000) * 0.3)).astype(np.int16)
    bounds = speech_bounds(Clip(sound, 16000))
    assert (bounds.start_sample, bounds.end_sample) == (4000, 20000)


def test_noise_of_a_recording_is_not_taken_for_speech() -> None:
    generator = np.random.default_rng(1)
    sound = (generator.standard_normal(32000) * 90).astype(np.int16)
    sound[4000:20000] += (15000 * np.sin(np.arange(16000) * 0.3)).astype(np.int16)
    bounds = speech_bounds(Clip(sound, 16000))
    assert bounds.start_sample == pytest.approx(4000, abs=80)
    assert bounds.end_sample == pytest.approx(20000, abs=80)


def test_worker_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "_TIMEOUT_S", 0)
    with pytest.raises(AudioError, match="did not finish"):
        list(synthesis.synthesise([SpeechRequest("Hello")], tmp_path))


def test_key_depends_on_everything_that_is_heard() -> None:
    requests = [
        SpeechRequest("Hello"),
        SpeechRequest("Hello."),
        SpeechRequest("Hello", "fr"),
        SpeechRequest("Hello", rate_wpm=1),
        SpeechRequest("Hello", pitch=1),
    ]
    keys = {content_key(request) for request in requests} | {content_key(requests[0], "pyttsx3-2.99")}
    assert len(keys) == 6
    assert all(len(key) == 12 for key in keys)
