"""The lines of a cassette file: what each may say. One JSON object a line (docs/cassettes.md)."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from roomkit_sim.sim.cassette.model import Origin, Way

__all__ = [
    "DEEPEST",
    "FORMAT",
    "MOST_FRAMES",
    "AudioLine",
    "CloseLine",
    "DialLine",
    "EndLine",
    "FrameLine",
    "HandshakeLine",
    "HeaderLine",
    "Line",
    "LossLine",
    "NoteLine",
    "Opcode",
    "Runs",
    "TrackLine",
    "as_text",
    "depth_exceeds",
    "milliseconds",
    "nanoseconds",
    "read_line",
]

FORMAT = 1
"""Raised when an older reader would misunderstand a file."""

LONGEST_MS = 86_400_000.0
MOST_FRAMES = 1_000_000
MOST_SAMPLES = 24_000 * 3_600 * 4
DEEPEST = 64

Milliseconds = Annotated[float, Field(ge=0, le=LONGEST_MS, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MOST_FRAMES)]
Bytes = Annotated[int, Field(ge=0, le=2 * MOST_SAMPLES)]
Opcode: TypeAlias = Literal["text", "binary"]
Number = Annotated[int, Field(ge=1, le=10_000)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Runs: TypeAlias = list[tuple[float, int]]
"""Run lengths: a value, and how often it comes in a row."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class HeaderLine(_Line):
    """The first line.

    ``began_ms``: in real time, when the first connection was dialled in the run. ``faults``: the scenario's own.
    """

    kind: Literal["cassette"] = "cassette"
    format: int
    origin: Origin
    provider: Annotated[str, Field(max_length=100)]
    recorded: Annotated[str, Field(max_length=40)]
    models: list[str]
    versions: dict[str, str]
    began_ms: Milliseconds | None = None
    faults: list[dict[str, Any]] = []


class DialLine(_Line):
    """A client began to connect. ``t_ms`` counts from the first dial, all others of a connection from its own."""

    kind: Literal["dial"] = "dial"
    conn: Number
    t_ms: Milliseconds
    call: str | None
    host: str
    path: str


class TrackLine(_Line):
    """The audio of one direction of a connection: the FLAC of this hash, or its levels."""

    kind: Literal["track"] = "track"
    conn: Number
    dir: Way
    rate: Annotated[int, Field(ge=4_000, le=192_000)]
    samples: Annotated[int, Field(ge=0, le=MOST_SAMPLES)]
    sha256: Hash | None = None
    levels: Annotated[list[int], Field(max_length=MOST_FRAMES)] | None = None


class HandshakeLine(_Line):
    """How the handshake was answered."""

    kind: Literal["handshake"] = "handshake"
    conn: Number
    t_ms: Milliseconds
    status: Annotated[int, Field(ge=100, le=599)] | None
    request: dict[str, str]
    response: dict[str, str]


class FrameLine(_Line):
    """A message: its JSON, or its bytes in base64 where it is none."""

    kind: Literal["frame"] = "frame"
    conn: Number
    dir: Way
    t_ms: Milliseconds
    op: Opcode
    base64: str | None = None
    json_: Annotated[Any, Field(alias="json")] = None


class AudioLine(_Line):
    """Messages in a row that differ in their audio alone.

    ``offset`` is where their audio begins in the track, in bytes; ``sizes`` are the bytes of each, ``gaps_ms`` the
    times between them, both as run lengths; ``at`` leads to the audio in ``json``; ``sha256`` is the beginning of the
    hash of their audio, for whoever compares two cassettes.
    """

    kind: Literal["audio"] = "audio"
    conn: Number
    dir: Way
    t_ms: Milliseconds
    op: Opcode
    frames: Annotated[int, Field(ge=1, le=MOST_FRAMES)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    offset: Bytes
    sizes: list[tuple[Bytes, Count]]
    gaps_ms: list[tuple[Milliseconds, Count]]
    at: Annotated[list[str | int], Field(max_length=16)]
    json_: Annotated[Any, Field(alias="json")]


class CloseLine(_Line):
    """A close frame."""

    kind: Literal["close"] = "close"
    conn: Number
    dir: Way
    t_ms: Milliseconds
    code: Annotated[int, Field(ge=0, le=65_535)]
    reason: Annotated[str, Field(max_length=200)]


class LossLine(_Line):
    """The end of TCP."""

    kind: Literal["lost"] = "lost"
    conn: Number
    t_ms: Milliseconds
    by: Literal["client", "server"]
    error: str | None


class NoteLine(_Line):
    """What the run knew of the server beside its messages."""

    kind: Literal["note"] = "note"
    conn: Number
    t_ms: Milliseconds
    event: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    data: dict[str, Any]


class EndLine(_Line):
    """The last line: without it the file is cut short."""

    kind: Literal["end"] = "end"
    connections: Annotated[int, Field(ge=0)]
    lines: Annotated[int, Field(ge=0)]


Line: TypeAlias = (
    HeaderLine
    | DialLine
    | TrackLine
    | HandshakeLine
    | FrameLine
    | AudioLine
    | CloseLine
    | LossLine
    | NoteLine
    | EndLine
)
_ADAPTER: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


def milliseconds(ns: int) -> float:
    """As written: exact to the nanosecond."""
    return round(ns / 1e6, 6)


def nanoseconds(ms: float) -> int:
    """As read."""
    return round(ms * 1e6)


def as_text(line: Line) -> str:
    """A line as it stands in the file, without its end."""
    values = line.model_dump(mode="json", by_alias=True, exclude_none=False)
    if isinstance(line, FrameLine):
        del values["base64" if line.base64 is None else "json"]
    if isinstance(line, HeaderLine):
        for name in ("began_ms", "faults"):
            if values[name] in (None, []):
                del values[name]
    if isinstance(line, TrackLine):
        del values["levels" if line.levels is None else "sha256"]
    text = json.dumps(values, ensure_ascii=False, separators=(", ", ": "))
    # Only \n ends a line, and half a surrogate pair cannot be written but as an escape.
    return text if text.isprintable() else json.dumps(values, separators=(", ", ": "))


def read_line(text: str) -> Line:
    """Understand one line.

    Raises:
        ValueError: It is no JSON, nested too deeply, or says what no line may; the message is for people.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    if depth_exceeds(values, DEEPEST):
        raise ValueError(f"JSON that is nested more than {DEEPEST} levels deep")
    if isinstance(values, dict) and isinstance(pairs := values.get("sizes"), list):
        values = {**values, "sizes": _pairs(pairs), "gaps_ms": _pairs(values.get("gaps_ms"))}
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "line"
        raise ValueError(f"{where}: {first['msg']}") from None


def _pairs(values: Any) -> Any:
    """JSON has no tuples."""
    if not isinstance(values, list):
        return values
    return [tuple(pair) if isinstance(pair, list) else pair for pair in values]


def depth_exceeds(value: Any, limit: int) -> bool:
    """Whether a JSON value is nested more than so many levels deep; without recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
        ]
        if not level:
            return False
    return True
