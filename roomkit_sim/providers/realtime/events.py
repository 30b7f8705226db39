"""What happens in a conversation, whichever service it is held with.

The order is what the rest of the runtime relies on: the caller's words are final before the reply or the tool call
that answers them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from roomkit_sim.providers.realtime.history import Role

__all__ = [
    "AudioOut",
    "GoAway",
    "LiveEvent",
    "ResponseEnded",
    "ResponseStarted",
    "SpeechEnded",
    "SpeechStarted",
    "ToolCalled",
    "ToolsCancelled",
    "Transcript",
    "Trouble",
    "WireEvent",
]


@dataclass(frozen=True, slots=True)
class AudioOut:
    """The model speaks: PCM16 mono at ``rate_hz``."""

    pcm: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said so far in an utterance, or, if final, in all of it."""

    role: Role
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak, or spoke over the model."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller stopped speaking."""


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The model began a turn."""


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """The model's turn is complete, or was interrupted."""


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model calls a function and waits."""

    call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolsCancelled:
    """The model takes calls back."""

    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoAway:
    """The server will close the connection in ``time_left_ns``; ``None`` if it did not say when."""

    time_left_ns: int | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong that does not end the connection."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WireEvent:
    """Base of what concerns one service's connection only: told to the session of that service, and to nobody else."""


LiveEvent: TypeAlias = (
    AudioOut
    | Transcript
    | SpeechStarted
    | SpeechEnded
    | ResponseStarted
    | ResponseEnded
    | ToolCalled
    | ToolsCancelled
    | GoAway
    | Trouble
    | WireEvent
)
