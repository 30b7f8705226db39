"""The audio beside a cassette: FLAC files that are named by the hash of their samples."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.audio.pcm import FULL_SCALE, Samples, from_bytes, to_bytes, window_energy

__all__ = [
    "FOLDER",
    "LEVEL_WINDOW_MS",
    "SILENCE_DBFS",
    "digest",
    "encode",
    "levels",
    "padded",
    "read_track",
    "track_path",
]

FOLDER = "audio"
LEVEL_WINDOW_MS = 100
SILENCE_DBFS = -96


def padded(pcm: bytes) -> bytes:
    """PCM16 of whole samples: some services cut inside one."""
    return pcm + b"\x00" * (len(pcm) % 2)


def digest(pcm: bytes) -> str:
    """The name of a track: SHA-256 of its samples, little-endian PCM16, in hexadecimal."""
    return hashlib.sha256(padded(pcm)).hexdigest()


def track_path(cassette: Path, sha256: str) -> Path:
    """Where a cassette's track is. A hash cannot lead anywhere else."""
    return cassette.parent / FOLDER / f"{sha256}.flac"


def encode(pcm: bytes, rate_hz: int) -> bytes:
    """PCM16 mono as FLAC, lossless, as small as it gets."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, from_bytes(padded(pcm)), rate_hz, format="FLAC", subtype="PCM_16", compression_level=1.0)
    return file.getvalue()


def read_track(path: Path, sha256: str, samples: int) -> bytes:
    """The audio of a track, PCM16 mono.

    The rate that the file states is not compared: silence at two rates is one file.

    Args:
        path: The FLAC file.
        sha256: Its samples' hash.
        samples: Their number.

    Raises:
        CassetteError: It is not there, is no FLAC, or is not what was recorded.
    """
    import soundfile

    if not path.is_file():
        raise CassetteError(f"the audio {FOLDER}/{path.name} is missing: restore it, or record the cassette anew")
    try:
        info = soundfile.info(path)
        if (info.format, info.frames, info.channels) != ("FLAC", samples, 1):
            raise CassetteError(
                f"{FOLDER}/{path.name} is {info.format} with {info.channels} channels of {info.frames} samples; "
                f"recorded was FLAC, mono, {samples} samples: restore it"
            )
        data: Samples = soundfile.read(path, dtype="int16")[0]
    except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
        raise CassetteError(f"{FOLDER}/{path.name} cannot be read as FLAC ({error}): restore it") from error
    pcm = to_bytes(data)
    if digest(pcm) != sha256:
        raise CassetteError(f"{FOLDER}/{path.name} is not the audio that was recorded (its hash differs): restore it")
    return pcm


def levels(pcm: bytes, rate_hz: int) -> tuple[int, ...]:
    """The level of each 100 ms in dB under full scale, whole numbers, -96 and below as -96."""
    energy = window_energy(from_bytes(pcm), rate_hz * LEVEL_WINDOW_MS // 1000)
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(energy.astype(np.float64) / FULL_SCALE**2)
    return tuple(int(value) for value in np.rint(np.maximum(level, SILENCE_DBFS)))
