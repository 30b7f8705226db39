"""Where two cassettes first differ: in what was said over the wire, or in the sound. Times do not count. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest

import numpy as np

from roomkit_sim.sim.audio.pcm import from_bytes
from roomkit_sim.sim.cassette.canonical import address, canonical
from roomkit_sim.sim.cassette.difference import around, differences, side_by_side
from roomkit_sim.sim.cassette.model import Cassette, Close, Event, Frame, Note, Opaque, Plain, RecordedConnection, Sound
from roomkit_sim.sim.trace.events import Json

__all__ = ["compare"]

_IDS = frozenset(
    {
        "id",
        "itemid",
        "previousitemid",
        "callid",
        "responseid",
        "conversationid",
        "expiresat",
        "audiostartms",
        "audioendms",
    }
)
"""What is another in every call: keys in lower case, without underscores."""

_MOST_DIFFERENCES = 5


def compare(one: Cassette, other: Cassette) -> list[str]:
    """The first difference as lines of text; none when there is none.

    Ids are compared by the order in which they come, headers and times not at all, audio by its samples.
    """
    for first, second in zip_longest(one.connections, other.connections):
        lines = _compare(one, other, first, second)
        if lines:
            return lines
    return []


def _compare(
    one: Cassette, other: Cassette, first: RecordedConnection | None, second: RecordedConnection | None
) -> list[str]:
    if first is None or second is None:
        there = first or second
        assert there is not None
        which = "the first" if second is None else "the second"
        return [
            f"only {which} has connection {there.number}, dialled {there.dialled_ns / 1e9:.3f} s after the first dial"
        ]
    asked = (_shake(first), _shake(second))
    if asked[0] != asked[1]:
        where = _where(one, other, first.line, second.line)
        return [f"connection {first.number} was dialled or answered otherwise", *where, *_shown(*asked)]
    for number, (left, right) in enumerate(zip_longest(_messages(first), _messages(second)), start=1):
        if left is None or right is None or left[1] != right[1]:
            return _message_lines(one, other, first.number, number, left, right)
    return _sound_lines(first, second)


def _message_lines(
    one: Cassette,
    other: Cassette,
    conn: int,
    number: int,
    left: tuple[Event, Json] | None,
    right: tuple[Event, Json] | None,
) -> list[str]:
    times = [f"{item[0].t_ns / 1e9:.3f} s" if item is not None else "-" for item in (left, right)]
    lines = [
        f"message {number} of connection {conn} differs (sound left out)",
        f"  after dialling  {times[0]} in the first, {times[1]} in the second",
        *_where(one, other, left[0].line if left else 0, right[0].line if right else 0),
    ]
    return [*lines, *_shown(left[1] if left else "(nothing)", right[1] if right else "(nothing)")]


def _where(one: Cassette, other: Cassette, first: int, second: int) -> list[str]:
    return [f"  {cassette.path}:{line}" for cassette, line in ((one, first), (other, second)) if line]


def _shown(left: Json, right: Json) -> list[str]:
    lines = []
    for difference in islice(differences(left, right), _MOST_DIFFERENCES):
        first, second = around(difference)
        lines += [f"  differs  {difference.path}", f"    first   {first}", f"    second  {second}"]
    return [*lines, f"  {'first':58}   second", *(f"  {row}" for row in side_by_side(left, right))]


def _shake(connection: RecordedConnection) -> Json:
    return {"host": connection.host, "status": connection.status, "address": address(connection.path)}


def _messages(connection: RecordedConnection) -> Iterator[tuple[Event, Json]]:
    ids: dict[str, str] = {}
    for event in connection.events:
        match event:
            case Frame(body=Sound()) | Note():
                continue
            case Frame(way=way, body=Plain(message)):
                yield event, {way: _without_ids(canonical(message), ids)}
            case Frame(way=way, body=Opaque(data)):
                yield event, {way: repr(data)}
            case Close(way=way, code=code, reason=reason):
                yield event, {way: {"close": code, "reason": reason}}
            case _:
                yield event, "the end of TCP"


def _without_ids(value: Json, ids: dict[str, str]) -> Json:
    if isinstance(value, dict):
        return {key: _id(item, ids) if _plain(key) in _IDS else _without_ids(item, ids) for key, item in value.items()}
    return [_without_ids(item, ids) for item in value] if isinstance(value, list) else value


def _plain(key: str) -> str:
    return key.replace("_", "").lower()


def _id(item: Json, ids: dict[str, str]) -> Json:
    if isinstance(item, str):
        return ids.setdefault(item, f"(id {len(ids) + 1})")
    return "(time)" if isinstance(item, int) else _without_ids(item, ids)


def _sound_lines(first: RecordedConnection, second: RecordedConnection) -> list[str]:
    for way, whose in (("sent", "the caller's"), ("received", "the agent's")):
        tracks = [connection.tracks.get("sent" if way == "sent" else "received") for connection in (first, second)]
        if tracks[0] == tracks[1]:
            continue
        if tracks[0] is None or tracks[1] is None:
            which = "the second" if tracks[0] is None else "the first"
            return [f"only {which} has {whose} sound on connection {first.number}"]
        if tracks[0].pcm is None or tracks[1].pcm is None:
            return [f"{whose} sound on connection {first.number} differs, and was left out of a recording"]
        left, right = from_bytes(tracks[0].pcm), from_bytes(tracks[1].pcm)
        length = min(len(left), len(right))
        unequal = np.flatnonzero(left[:length] != right[:length])
        at_s = (int(unequal[0]) if len(unequal) else length) / tracks[0].rate_hz
        lengths = " and ".join(f"{track.samples / track.rate_hz:.2f} s" for track in tracks if track is not None)
        return [f"{whose} sound on connection {first.number} differs from {at_s:.2f} s on ({lengths} long)"]
    return []
