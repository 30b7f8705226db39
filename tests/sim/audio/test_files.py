from pathlib import Path

import numpy as np
import pytest
import soundfile

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.files import Clip, read_clip, write_wav


@pytest.fixture
def tone() -> np.ndarray:
    return (10000 * np.sin(np.arange(16000) * 0.1)).astype(np.int16)


def test_wav_comes_back_sample_for_sample(tmp_path: Path, tone: np.ndarray) -> None:
    write_wav(tmp_path / "deep" / "tone.wav", tone, 16000)
    clip = read_clip(tmp_path / "deep" / "tone.wav", 16000)
    assert np.array_equal(clip.samples, tone)
    assert (clip.rate_hz, clip.notes, clip.duration_ms) == (16000, (), 1000)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["tone.wav"]


def test_flac_is_read(tmp_path: Path, tone: np.ndarray) -> None:
    soundfile.write(tmp_path / "tone.flac", tone, 16000)
    assert np.array_equal(read_clip(tmp_path / "tone.flac", 16000).samples, tone)


def test_stereo_at_another_rate_is_converted_and_said_so(tmp_path: Path, tone: np.ndarray) -> None:
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, tone], axis=1), 16000)
    clip = read_clip(tmp_path / "tone.wav", 8000)
    assert len(clip.samples) == 8000
    assert clip.notes == ("mixed down from 2 channels", "resampled from 16000 Hz to 8000 Hz")


@pytest.mark.parametrize(
    ("content", "message"), [(b"not audio at all", "not a sound file"), (None, "no such sound file")]
)
def test_what_is_no_sound_file_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=message):
        read_clip(path, 16000)


def test_empty_and_silent_files_are_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16), 16000)
    write_wav(tmp_path / "silent.wav", np.full(16000, 3, np.int16), 16000)
    with pytest.raises(AudioError, match="no frames"):
        read_clip(tmp_path / "empty.wav", 16000)
    with pytest.raises(AudioError, match="silent"):
        read_clip(tmp_path / "silent.wav", 16000)


def test_unwritable_target_is_an_audio_error(tmp_path: Path, tone: np.ndarray) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioError, match="cannot write"):
        write_wav(tmp_path / "file" / "x.wav", tone, 16000)


def test_clips_are_compared_by_identity(tone: np.ndarray) -> None:
    assert Clip(tone, 16000) != Clip(tone, 16000)
