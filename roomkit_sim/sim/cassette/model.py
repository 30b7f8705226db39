"""A recorded call as values: its connections, and what passed on each of them, from the client's end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from roomkit_sim.sim.trace.events import Json

__all__ = [
    "AudioPath",
    "Body",
    "Cassette",
    "Close",
    "Event",
    "Frame",
    "Header",
    "Loss",
    "Note",
    "Opaque",
    "Origin",
    "Plain",
    "RecordedConnection",
    "Sound",
    "Track",
    "Way",
]

Way: TypeAlias = Literal["sent", "received"]
"""As the client sees it."""

Origin: TypeAlias = Literal["live", "simulated", "imported"]
"""From what a cassette comes: a service; our own servers; a file of something else, with times that are made up."""

AudioPath: TypeAlias = tuple[str | int, ...]
"""Keys and indices that lead to a place in a JSON value."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A JSON message without audio."""

    json: Json


@dataclass(frozen=True, slots=True)
class Sound:
    """A JSON message that carries one piece of audio.

    Args:
        like: The message with a placeholder where the audio is.
        path: Where it is.
        size: Its bytes.
        pcm: The audio itself, PCM16 mono; nothing when it was left out of the recording.
    """

    like: Json
    path: AudioPath
    size: int
    pcm: bytes | None


@dataclass(frozen=True, slots=True)
class Opaque:
    """A message that is no JSON."""

    data: bytes


Body: TypeAlias = Plain | Sound | Opaque


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket message.

    Args:
        way: Who sent it.
        t_ns: When it left or reached the client, nanoseconds since the connection was dialled.
        binary: Its opcode: binary or text.
        body: What it says.
        line: Where it stands in the cassette, counted from 1; 0 for one that was never read from a file.
    """

    way: Way
    t_ns: int
    binary: bool
    body: Body
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Close:
    """A close frame. ``code`` is 1005 when it had none."""

    way: Way
    t_ns: int
    code: int
    reason: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Loss:
    """TCP is over.

    Args:
        t_ns: When the client knew.
        by: Who ended it.
        error: How it broke; nothing when it was ended in order.
    """

    t_ns: int
    by: Literal["client", "server"]
    error: str | None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Note:
    """What the recorded run knew of the server beside its messages: a ``server`` event of its trace.

    Args:
        t_ns: When.
        kind: Such as ``"heard"``.
        data: Its details, without the connection.
    """

    t_ns: int
    kind: str
    data: Mapping[str, Json]
    line: int = field(default=0, compare=False)


Event: TypeAlias = Frame | Close | Loss | Note


@dataclass(frozen=True, slots=True)
class Track:
    """All audio of one direction of a connection, piece after piece.

    Args:
        rate_hz: Its sample rate.
        samples: Its length.
        pcm: PCM16 mono, little-endian; nothing when it was left out of the recording.
        levels: Level of each 100 ms in dB under full scale, when the audio was left out.
    """

    rate_hz: int
    samples: int
    pcm: bytes | None
    levels: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class RecordedConnection:
    """One connection.

    Args:
        number: 1, 2, ... in the order of dialling.
        call: The call on whose behalf it was dialled, if that was known.
        dialled_ns: When, counted from the first dial.
        host: As dialled.
        path: With its query, without secrets.
        status: HTTP status of the handshake's answer; nothing when none came.
        opened_ns: When that answer came, counted from this dial.
        request_headers: What the client said of itself.
        response_headers: What of the answer matters.
        events: What passed, in order.
        tracks: The audio of each direction that had any.
        line: Where it stands in the cassette.
    """

    number: int
    call: str | None
    dialled_ns: int
    host: str
    path: str
    status: int | None
    opened_ns: int
    request_headers: Mapping[str, str]
    response_headers: Mapping[str, str]
    events: tuple[Event, ...]
    tracks: Mapping[Way, Track]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Header:
    """What a cassette says of itself.

    Args:
        origin: From what it was recorded.
        provider: Such as ``"gemini-live"``.
        versions: Of the packages that took part, by name.
        models: The models that were asked for, in the order in which they were.
        recorded: Date and time, ISO 8601 in UTC.
        began_ns: When the first connection was dialled, counted from the start of the run; only in a recording that
            was made in real time.
        faults: What the scenario let go wrong meanwhile, as its file says it.
    """

    origin: Origin
    provider: str
    versions: Mapping[str, str]
    models: tuple[str, ...]
    recorded: str
    began_ns: int | None = None
    faults: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class Cassette:
    """A recorded call, or several calls at once.

    Args:
        header: What it says of itself.
        connections: In the order of dialling.
        path: The file that it was read from.
    """

    header: Header
    connections: tuple[RecordedConnection, ...]
    path: Path | None = field(default=None, compare=False)
