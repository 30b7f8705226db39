"""Makes a cassette of frames that something else recorded, without their times.

The file is YAML: ``interactions`` in order, each with ``direction`` (``sent`` by the client, ``received`` from the
service) and ``data``, the JSON message. Nothing in it says when anything happened, so times are made up: one
millisecond from each message to the next, which keeps their order and lets a replay go by cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.lines import DEEPEST, depth_exceeds
from roomkit_sim.sim.cassette.model import (
    Body,
    Cassette,
    Event,
    Frame,
    Header,
    Plain,
    RecordedConnection,
    Sound,
    Track,
    Way,
)
from roomkit_sim.sim.cassette.scrubbing import Scrubber
from roomkit_sim.sim.cassette.sound import find_sound, rate_of, value_at
from roomkit_sim.sim.cassette.tap import without_noise
from roomkit_sim.sim.cassette.tracks import padded

__all__ = ["import_messages"]

UNKNOWN_DATE = "unknown"
_APART_NS = 1_000_000
_LARGEST = 16 * 1024 * 1024
_SWITCHING_PROTOCOLS = 101
_HOSTS = {"gemini-live": "generativelanguage.googleapis.com", "openai-realtime": "api.openai.com"}


class _Interaction(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["message"] = "message"
    direction: Way
    data: dict[str, Any]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1]
    interactions: list[_Interaction] = Field(min_length=1)


def import_messages(path: Path, scrubber: Scrubber) -> Cassette:
    """Read a file of messages as a cassette with one connection. Its origin is ``imported``.

    Args:
        path: The file.
        scrubber: Sees everything before it is kept.

    Raises:
        CassetteError: The file is none of the kind.
    """
    said = _read(path)
    provider = "openai-realtime" if any("type" in one.data for one in said.interactions) else "gemini-live"
    bodies = [(one.direction, _body(one.direction, without_noise(one.data), scrubber)) for one in said.interactions]
    events: list[Event] = [
        Frame(way, number * _APART_NS, binary=False, body=body) for number, (way, body) in enumerate(bodies, start=1)
    ]
    connection = RecordedConnection(
        number=1,
        call=None,
        dialled_ns=0,
        host=_HOSTS[provider],
        path="",
        status=_SWITCHING_PROTOCOLS,
        opened_ns=0,
        request_headers={},
        response_headers={},
        events=scrubber.whole(events),
        tracks=dict(_tracks(bodies)),
    )
    models = tuple(dict.fromkeys(_models(bodies)))
    return Cassette(Header("imported", provider, {}, models, UNKNOWN_DATE), (connection,))


def _read(path: Path) -> _File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CassetteError(f"cannot be read: {error.strerror}", path=path) from error
    if len(data) > _LARGEST:
        raise CassetteError(f"{len(data)} bytes: a file of messages may have {_LARGEST}", path=path)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, Loader=yaml.SafeLoader)):
            raise CassetteError("it has YAML aliases, which no recorder writes", path=path)
        values = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        raise CassetteError(f"not YAML: {getattr(error, 'problem', error)}", path=path, line=line) from None
    except RecursionError:
        raise CassetteError("YAML that is nested too deeply", path=path) from None
    if depth_exceeds(values, DEEPEST):
        raise CassetteError(f"nested more than {DEEPEST} levels deep", path=path)
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CassetteError(
            f"{where}: {first['msg']}; expected are 'version: 1' and 'interactions', each with 'direction' (sent or "
            f"received) and 'data'",
            path=path,
        ) from None


def _body(way: Way, message: Mapping[str, Any], scrubber: Scrubber) -> Body:
    sound = find_sound(dict(message), way)
    if sound is None:
        return Plain(scrubber.frame(way, dict(message)))
    return Sound(scrubber.frame(way, sound.like), sound.path, sound.size, sound.pcm)


def _tracks(bodies: list[tuple[Way, Body]]) -> Iterator[tuple[Way, Track]]:
    ways: tuple[Way, ...] = ("sent", "received")
    for way in ways:
        sounds = [body for direction, body in bodies if direction == way and isinstance(body, Sound)]
        if sounds:
            pcm = padded(b"".join(sound.pcm or b"" for sound in sounds))
            yield way, Track(rate_of(sounds[0]), len(pcm) // 2, pcm)


def _models(bodies: list[tuple[Way, Body]]) -> Iterator[str]:
    for _, body in bodies:
        if isinstance(body, Plain):
            for path in (("setup", "model"), ("session", "model")):
                model = value_at(body.json, path)
                if isinstance(model, str):
                    yield model
