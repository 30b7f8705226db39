"""A cassette as the text of its file, and back. Pure but for the audio, which is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette import lines as form
from roomkit_sim.sim.cassette.folding import EventLine, fold, unfold
from roomkit_sim.sim.cassette.model import Cassette, Header, RecordedConnection, Track, Way
from roomkit_sim.sim.cassette.tracks import digest

__all__ = ["LARGEST_FILE", "LoadTrack", "parse", "render"]

LARGEST_FILE = 64 * 1024 * 1024
LoadTrack = Callable[[form.TrackLine], bytes]
"""Gives the audio of a track; raises CassetteError."""

_HINT = "restore the file from version control, or record it anew"


def render(cassette: Cassette) -> str:
    """The text of a cassette's file."""
    header = cassette.header
    written: list[form.Line] = [
        form.HeaderLine(
            format=form.FORMAT,
            origin=header.origin,
            provider=header.provider,
            recorded=header.recorded,
            models=list(header.models),
            versions=dict(sorted(header.versions.items())),
            began_ms=None if header.began_ns is None else form.milliseconds(header.began_ns),
            faults=[dict(fault) for fault in header.faults],
        )
    ]
    for connection in cassette.connections:
        written += _connection_lines(connection)
    written.append(form.EndLine(connections=len(cassette.connections), lines=len(written) + 1))
    return "".join(f"{form.as_text(line)}\n" for line in written)


def _connection_lines(connection: RecordedConnection) -> list[form.Line]:
    number = connection.number
    dial = form.DialLine(
        conn=number,
        t_ms=form.milliseconds(connection.dialled_ns),
        call=connection.call,
        host=connection.host,
        path=connection.path,
    )
    shake = form.HandshakeLine(
        conn=number,
        t_ms=form.milliseconds(connection.opened_ns),
        status=connection.status,
        request=dict(connection.request_headers),
        response=dict(connection.response_headers),
    )
    tracks = [_track_line(number, way, track) for way, track in sorted(connection.tracks.items(), reverse=True)]
    return [dial, shake, *tracks, *fold(number, connection.events)]


def _track_line(number: int, way: Way, track: Track) -> form.TrackLine:
    sha256 = None if track.pcm is None else digest(track.pcm)
    levels = None if track.levels is None or track.pcm is not None else list(track.levels)
    return form.TrackLine(conn=number, dir=way, rate=track.rate_hz, samples=track.samples, sha256=sha256, levels=levels)


def parse(data: bytes, path: Path, load_track: LoadTrack) -> Cassette:
    """Read a cassette from the bytes of its file.

    Args:
        data: The file.
        path: Its name, for messages.
        load_track: Gives the audio.

    Raises:
        CassetteError: Something is wrong with it; names the line.
    """
    numbered = _read_lines(data, path)
    header = numbered[0][1]
    assert isinstance(header, form.HeaderLine)
    connections: dict[int, _Builder] = {}
    for at, line in numbered[1:-1]:
        try:
            _take(connections, at, line, load_track)
        except (ValueError, CassetteError) as error:
            raise CassetteError(str(error), path=path, line=at) from error
    built = []
    for builder in connections.values():
        try:
            built.append(builder.build())
        except ValueError as error:
            at, reason = error.args
            raise CassetteError(reason, path=path, line=at) from error
    began_ns = None if header.began_ms is None else form.nanoseconds(header.began_ms)
    about = Header(
        header.origin,
        header.provider,
        header.versions,
        tuple(header.models),
        header.recorded,
        began_ns,
        tuple(header.faults),
    )
    return Cassette(about, tuple(built), path)


def _read_lines(data: bytes, path: Path) -> list[tuple[int, form.Line]]:
    if len(data) > LARGEST_FILE:
        raise CassetteError(f"{len(data)} bytes: a cassette may have {LARGEST_FILE}", path=path)
    numbered: list[tuple[int, form.Line]] = []
    frames = 0
    pieces = data.split(b"\n")
    for at, piece in enumerate(pieces[:-1], start=1):
        try:
            line = form.read_line(piece.decode())
        except ValueError as error:
            # UnicodeDecodeError is one too.
            if at == 1:
                _refuse_version(piece, path)
            raise CassetteError(
                f"not a line of a cassette: {error}. {_HINT.capitalize()}", path=path, line=at
            ) from None
        if at == 1:
            _refuse_version(piece, path)
        if (at == 1) != isinstance(line, form.HeaderLine):
            raise CassetteError(
                f"a {line.kind!r} line here; the header is the first line and no other", path=path, line=at
            )
        frames += line.frames if isinstance(line, form.AudioLine) else 1
        if frames > form.MOST_FRAMES:
            raise CassetteError(f"more than {form.MOST_FRAMES} frames", path=path, line=at)
        numbered.append((at, line))
    _refuse_cut(numbered, pieces[-1], path)
    return numbered


def _refuse_version(first: bytes, path: Path) -> None:
    """Say that a file is of another version before saying what this version does not know in it."""
    import json

    try:
        header = json.loads(first)
    except (ValueError, RecursionError):
        return
    if isinstance(header, dict) and header.get("kind") == "cassette" and header.get("format") != form.FORMAT:
        raise CassetteError(
            f"cassette format {header.get('format')!r}; this version of roomkit-sim reads format {form.FORMAT}: record "
            f"the cassette anew, or use the version that wrote it",
            path=path,
            line=1,
        )


def _refuse_cut(numbered: list[tuple[int, form.Line]], rest: bytes, path: Path) -> None:
    last = numbered[-1][1] if numbered else None
    cut_at = len(numbered) + (1 if rest or not numbered else 0)
    if rest or not isinstance(last, form.EndLine):
        raise CassetteError(
            f"the file is cut short: its 'end' line is missing. {_HINT.capitalize()}", path=path, line=cut_at
        )
    dialled = sum(isinstance(line, form.DialLine) for _, line in numbered)
    if (last.lines, last.connections) != (len(numbered), dialled):
        raise CassetteError(
            f"the 'end' line counts {last.lines} lines and {last.connections} connections, there are {len(numbered)} "
            f"and {dialled}. {_HINT.capitalize()}",
            path=path,
            line=cut_at,
        )


class _Builder:
    """A connection while its lines are read."""

    def __init__(self, at: int, dial: form.DialLine) -> None:
        self.at = at
        self.dial = dial
        self.handshake: form.HandshakeLine | None = None
        self.tracks: dict[Way, Track] = {}
        self.events: list[tuple[int, EventLine]] = []

    def build(self) -> RecordedConnection:
        """The connection."""
        if self.handshake is None:
            raise ValueError(self.at, f"connection {self.dial.conn} has no 'handshake' line")
        dial, shake = self.dial, self.handshake
        return RecordedConnection(
            number=dial.conn,
            call=dial.call,
            dialled_ns=form.nanoseconds(dial.t_ms),
            host=dial.host,
            path=dial.path,
            status=shake.status,
            opened_ns=form.nanoseconds(shake.t_ms),
            request_headers=shake.request,
            response_headers=shake.response,
            events=tuple(unfold(self.events, {way: track.pcm for way, track in self.tracks.items()})),
            tracks=self.tracks,
            line=self.at,
        )


def _take(connections: dict[int, _Builder], at: int, line: form.Line, load_track: LoadTrack) -> None:
    if isinstance(line, form.HeaderLine | form.EndLine):
        raise ValueError(f"a second {line.kind!r} line")
    if isinstance(line, form.DialLine):
        if line.conn != len(connections) + 1:
            raise ValueError(f"connection {line.conn} is dialled here; the next is {len(connections) + 1}")
        connections[line.conn] = _Builder(at, line)
        return
    builder = connections.get(line.conn)
    if builder is None:
        raise ValueError(f"connection {line.conn} was not dialled above")
    match line:
        case form.HandshakeLine():
            builder.handshake = line
        case form.TrackLine():
            builder.tracks[line.dir] = _track(line, load_track)
        case _:
            builder.events.append((at, line))


def _track(line: form.TrackLine, load_track: LoadTrack) -> Track:
    if line.sha256 is None:
        return Track(line.rate, line.samples, None, tuple(line.levels or ()))
    return Track(line.rate, line.samples, load_track(line))
