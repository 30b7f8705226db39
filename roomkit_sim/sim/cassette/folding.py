"""From messages to lines and back: audio in a row becomes one line and a piece of a track. Pure.

Audio of both directions runs side by side, so a run of one goes on while the other direction has audio too. Any other
event ends both. Their order within such a stretch is that of their times; at the same instant, sent before received.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, pairwise

from roomkit_sim.sim.cassette.lines import (
    AudioLine,
    CloseLine,
    FrameLine,
    LossLine,
    NoteLine,
    Opcode,
    milliseconds,
    nanoseconds,
)
from roomkit_sim.sim.cassette.model import Close, Event, Frame, Loss, Note, Opaque, Plain, Sound, Way

__all__ = ["EventLine", "fold", "unfold"]

EventLine = FrameLine | AudioLine | CloseLine | LossLine | NoteLine


def fold(number: int, events: Iterable[Event]) -> list[EventLine]:
    """The lines of a connection's events. Their audio, piece after piece, is the track of its direction.

    Args:
        number: Of the connection.
        events: In order.
    """
    lines: list[EventLine] = []
    places: dict[Way, int] = {}
    running: dict[Way, list[Frame]] = {}

    def write_runs() -> None:
        for way in sorted(running, key=lambda way: (running[way][0].t_ns, way != "sent")):
            line = _audio_line(number, running[way], places.get(way, 0))
            places[way] = line.offset + sum(size * count for size, count in line.sizes)
            lines.append(line)
        running.clear()

    for event in events:
        if isinstance(event, Frame) and isinstance(event.body, Sound):
            run = running.get(event.way)
            if run is not None and not _same_kind(run[0], event):
                write_runs()
            running.setdefault(event.way, []).append(event)
        else:
            write_runs()
            lines.append(_plain_line(number, event))
    write_runs()
    return lines


def unfold(lines: Sequence[tuple[int, EventLine]], tracks: Mapping[Way, bytes | None]) -> Iterator[Event]:
    """The events of one connection.

    Args:
        lines: The number of each line in the file, and what it says.
        tracks: The audio of each direction; ``None`` where it was left out.

    Raises:
        ValueError: A line contradicts itself or its track. Its argument is the line's number and what is wrong.
    """
    for is_audio, stretch in groupby(lines, key=lambda numbered: isinstance(numbered[1], AudioLine)):
        if not is_audio:
            yield from (_event(at, line) for at, line in stretch)
            continue
        runs = [_unfolded(at, line, tracks) for at, line in stretch if isinstance(line, AudioLine)]
        yield from sorted(chain.from_iterable(runs), key=lambda frame: (frame.t_ns, frame.way != "sent"))


def _same_kind(one: Frame, other: Frame) -> bool:
    a, b = one.body, other.body
    assert isinstance(a, Sound)
    assert isinstance(b, Sound)
    return one.binary == other.binary and a.path == b.path and a.like == b.like and (a.pcm is None) == (b.pcm is None)


def _audio_line(number: int, run: Sequence[Frame], offset: int) -> AudioLine:
    first = run[0].body
    assert isinstance(first, Sound)
    sizes = [frame.body.size for frame in run if isinstance(frame.body, Sound)]
    pcm = b"".join(frame.body.pcm or b"" for frame in run if isinstance(frame.body, Sound))
    gaps = [later.t_ns - earlier.t_ns for earlier, later in pairwise(run)]
    return AudioLine(
        conn=number,
        dir=run[0].way,
        t_ms=milliseconds(run[0].t_ns),
        op="binary" if run[0].binary else "text",
        frames=len(run),
        sha256=hashlib.sha256(pcm).hexdigest()[:16],
        offset=offset,
        sizes=[(size, sum(1 for _ in group)) for size, group in groupby(sizes)],
        gaps_ms=[(milliseconds(gap), sum(1 for _ in group)) for gap, group in groupby(gaps)],
        at=list(first.path),
        json_=first.like,
    )


def _plain_line(number: int, event: Event) -> EventLine:
    t_ms = milliseconds(event.t_ns)
    match event:
        case Close():
            return CloseLine(conn=number, dir=event.way, t_ms=t_ms, code=event.code, reason=event.reason)
        case Loss():
            return LossLine(conn=number, t_ms=t_ms, by=event.by, error=event.error)
        case Note():
            return NoteLine(conn=number, t_ms=t_ms, event=event.kind, data=dict(event.data))
        case Frame(body=Opaque(data)):
            text = base64.b64encode(data).decode()
            return FrameLine(conn=number, dir=event.way, t_ms=t_ms, op=_opcode(event), base64=text)
        case Frame(body=Plain(message)):
            return FrameLine(conn=number, dir=event.way, t_ms=t_ms, op=_opcode(event), json_=message)
        case _:
            raise AssertionError("audio is folded")


def _opcode(frame: Frame) -> Opcode:
    return "binary" if frame.binary else "text"


def _event(at: int, line: EventLine) -> Event:
    t_ns = nanoseconds(line.t_ms)
    match line:
        case CloseLine():
            return Close(line.dir, t_ns, line.code, line.reason, at)
        case LossLine():
            return Loss(t_ns, line.by, line.error, at)
        case NoteLine():
            return Note(t_ns, line.event, line.data, at)
        case FrameLine():
            return Frame(line.dir, t_ns, line.op == "binary", _body(at, line), at)
        case AudioLine():
            raise AssertionError("audio is unfolded")


def _body(at: int, line: FrameLine) -> Plain | Opaque:
    if line.base64 is None:
        return Plain(line.json_)
    try:
        return Opaque(base64.b64decode(line.base64, validate=True))
    except ValueError:
        raise ValueError(at, "base64: not base64") from None


def _unfolded(at: int, line: AudioLine, tracks: Mapping[Way, bytes | None]) -> Iterator[Frame]:
    total = sum(size * count for size, count in line.sizes)
    if (
        sum(count for _, count in line.sizes) != line.frames
        or sum(count for _, count in line.gaps_ms) != line.frames - 1
    ):
        raise ValueError(at, f"sizes and gaps_ms do not add up to {line.frames} frames")
    if line.dir not in tracks:
        raise ValueError(at, "audio of a direction that has no track line")
    track = tracks[line.dir]
    if track is not None:
        if line.offset + total > len(track):
            raise ValueError(at, f"bytes {line.offset} to {line.offset + total} of a track that has {len(track)}")
        if hashlib.sha256(track[line.offset : line.offset + total]).hexdigest()[:16] != line.sha256:
            raise ValueError(at, "the audio of these frames is not that of the recording (its hash differs)")
    sizes = chain.from_iterable([size] * count for size, count in line.sizes)
    gaps = chain.from_iterable([nanoseconds(gap)] * count for gap, count in line.gaps_ms)
    return _frames(at, line, track, sizes, gaps)


def _frames(
    at: int, line: AudioLine, track: bytes | None, sizes: Iterable[int], gaps: Iterator[int]
) -> Iterator[Frame]:
    place, t_ns = line.offset, nanoseconds(line.t_ms)
    for size in sizes:
        pcm = None if track is None else track[place : place + size]
        yield Frame(line.dir, t_ns, line.op == "binary", Sound(line.json_, tuple(line.at), size, pcm), at)
        place += size
        t_ns += next(gaps, 0)
