"""Reads OpenAI Realtime frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.openai.fields import EVENTS

__all__ = ["KINDS", "at", "audio_bytes", "member", "pace_of", "read"]

KINDS = frozenset({*EVENTS, "session.created", "session.updated", "response.created", "conversation.created"})

_ENVELOPES = {"input_audio_buffer.append": 47, "response.output_audio.delta": 110}
"""The least number of bytes around the base64 of an audio frame."""
_STEADY_NS = 900_000_000


def read(frame: Frame) -> Frame:
    """The frame with its type as its kind."""
    return replace(frame, kinds=(frame.name or frame.way,))


def at(container: Mapping[str, Any], *path: str) -> Any:
    """What stands at a path; nothing where there is none."""
    found: Any = container
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def member(container: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where there is none."""
    found = at(container, *path)
    return found if isinstance(found, dict) else {}


def audio_bytes(frame: Frame) -> int:
    """At most so many bytes of audio are in a frame: the trace has the size of its JSON."""
    envelope = _ENVELOPES.get(frame.name, 0)
    return max(0, frame.payload - envelope * frame.count) * 3 // 4


def pace_of(frame: Frame) -> float | None:
    """How many bytes of audio passed in a second; nothing for what is too short to tell."""
    took_ns = frame.until_ns - frame.t_ns
    return audio_bytes(frame) * 1e9 / took_ns if frame.count > 1 and took_ns >= _STEADY_NS else None
