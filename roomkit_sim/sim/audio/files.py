"""Sound files in and out."""

from __future__ import annotations

import os
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.pcm import FULL_SCALE, Samples, amplitude, to_bytes, to_int16
from roomkit_sim.sim.audio.resampling import resample

__all__ = ["Clip", "read_clip", "write_wav"]

_SILENT_DBFS = -60.0

MAX_LENGTH_S = 120


@dataclass(frozen=True, eq=False)
class Clip:
    """A piece of sound.

    Args:
        samples: PCM16 mono.
        rate_hz: Its rate.
        notes: What was done to it on the way here, such as ``"resampled from 44100 Hz to 16000 Hz"``.
    """

    samples: Samples
    rate_hz: int
    notes: tuple[str, ...] = ()

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return len(self.samples) * 1000 / self.rate_hz


def read_clip(path: Path | str, rate_hz: int) -> Clip:
    """Read a sound file: WAV (PCM, mu-law, float), FLAC, Ogg and what else libsndfile knows.

    Args:
        path: The file.
        rate_hz: The rate that is wanted.

    Raises:
        AudioError: The file is not there, is no audio, has no frames, or is silent.
    """
    data, file_rate = _read(Path(path))
    notes: list[str] = []
    if data.shape[1] > 1:
        notes.append(f"mixed down from {data.shape[1]} channels")
    mono = to_int16(data.mean(axis=1) * FULL_SCALE)
    _refuse_silence(mono, Path(path))
    if file_rate != rate_hz:
        notes.append(f"resampled from {file_rate} Hz to {rate_hz} Hz")
    return Clip(resample(mono, file_rate, rate_hz), rate_hz, tuple(notes))


def _read(path: Path) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], int]:
    import soundfile

    try:
        if not path.is_file():
            raise AudioError(f"{path}: there is no such sound file; paths are relative to the scenario file")
        length_s = soundfile.info(path).duration
        if length_s > MAX_LENGTH_S:
            raise AudioError(f"{path}: {length_s:.0f} s of sound; an utterance may have {MAX_LENGTH_S} s: cut it")
        data, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise AudioError(f"{path}: not a sound file that can be read ({error}); use WAV or FLAC") from error
    if not len(data):
        raise AudioError(f"{path}: the sound file has no frames; record or synthesise it again")
    if not np.isfinite(data).all():
        raise AudioError(f"{path}: the sound file has samples that are no numbers; export it again")
    return data, int(rate_hz)


def _refuse_silence(samples: Samples, path: Path) -> None:
    loudest = int(np.abs(samples.astype(np.int32)).max())
    if loudest < amplitude(_SILENT_DBFS):
        raise AudioError(
            f"{path}: the sound file is silent (loudest sample {loudest} of 32768); a caller who says nothing proves "
            f"nothing, so record or synthesise it again"
        )


def write_wav(path: Path | str, samples: Samples, rate_hz: int) -> None:
    """Write PCM16 mono as WAV. The file appears complete or not at all.

    Raises:
        AudioError: It cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise AudioError(f"{target}: cannot write here: {error.strerror}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(rate_hz)
            writer.writeframes(to_bytes(samples))
        part.chmod(0o644)
        part.replace(target)
    except OSError as error:
        raise AudioError(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
