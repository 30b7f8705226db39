"""The audio that a session takes and gives. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roomkit_sim.sim.audio.g711 import A_LAW, MU_LAW, Law
from roomkit_sim.sim.servers.openai_realtime.fields import one_of, record, tagged
from roomkit_sim.sim.servers.openai_realtime.refusals import invalid_value, wrong_type

__all__ = ["DEFAULT_FORMAT", "LARGEST_APPEND", "AudioFormat", "audio_bytes", "audio_format", "format_of"]

LARGEST_APPEND = 15 * 1024 * 1024
DEFAULT_FORMAT: Mapping[str, Any] = {"type": "audio/pcm", "rate": 24_000}


@dataclass(frozen=True)
class AudioFormat:
    """How samples are written.

    Args:
        name: As in the session.
        rate_hz: Sample rate.
        law: What they are companded with; nothing for PCM16.
    """

    name: str
    rate_hz: int
    law: Law | None = None

    @property
    def bytes_per_second(self) -> int:
        """Bytes that a second takes."""
        return self.rate_hz * (2 if self.law is None else 1)

    def decode(self, data: bytes) -> bytes:
        """As PCM16 little-endian."""
        return data if self.law is None else self.law.decode(data)

    def encode(self, pcm: bytes) -> bytes:
        """From PCM16 little-endian."""
        return pcm if self.law is None else self.law.encode(pcm)


_FORMATS = {
    "audio/pcm": AudioFormat("audio/pcm", 24_000),
    "audio/pcmu": AudioFormat("audio/pcmu", 8_000, MU_LAW),
    "audio/pcma": AudioFormat("audio/pcma", 8_000, A_LAW),
}

audio_format = tagged(
    "type",
    {
        "audio/pcm": record({"type": one_of("audio/pcm"), "rate": one_of(24_000)}, required=("type", "rate")),
        "audio/pcmu": record({"type": one_of("audio/pcmu")}),
        "audio/pcma": record({"type": one_of("audio/pcma")}),
    },
)
"""Check of a ``format`` object. G.711 has one rate and says none."""


def format_of(described: Mapping[str, Any]) -> AudioFormat:
    """The format that a checked object describes."""
    return _FORMATS[described["type"]]


def audio_bytes(value: Any, path: str, format: AudioFormat) -> bytes:
    """Audio as a client sends it.

    Raises:
        Refusal: It is no base64, too much, or half a sample.
    """
    if not isinstance(value, str):
        raise wrong_type(path, "a base64 string", value)
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid_value(path, "expected base64-encoded audio bytes, but got an invalid value") from error
    if len(data) > LARGEST_APPEND:
        raise invalid_value(path, f"at most {LARGEST_APPEND} bytes of audio at once")
    if format.law is None and len(data) % 2:
        raise invalid_value(path, "PCM16 audio must have an even number of bytes")
    return data
