"""What an application did that was not recorded, as a text that says what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from roomkit_sim.errors import CassetteDriftError
from roomkit_sim.sim.cassette.difference import around, differences, side_by_side
from roomkit_sim.sim.cassette.model import Origin
from roomkit_sim.sim.trace.events import Json

__all__ = ["Drift", "Leftover", "record_anew"]

_MOST_DIFFERENCES = 5


@dataclass(frozen=True, slots=True)
class Drift:
    """One drift.

    Args:
        what: Such as ``"the client sent another message than was recorded"``.
        conn: The connection, from 1, in the order of dialling in the replay.
        frame: Which message of the client it is, from 1, audio left out; 0 for the handshake and for audio.
        t_ns: When, counted from the dial.
        recorded_t_ns: When the recorded one left, if there is one.
        recorded: The recorded message, if there is one.
        actual: What came instead, if anything.
        path: The cassette.
        origin: From what it was recorded.
        line: Where in it.
        mutations: What the replay did otherwise before.
    """

    what: str
    conn: int
    frame: int
    t_ns: int
    recorded_t_ns: int | None
    recorded: Json
    actual: Json
    path: Path | None
    line: int
    mutations: tuple[str, ...] = ()
    origin: Origin = "live"

    def details(self) -> str:
        """All but where the cassette is."""
        where = f"connection {self.conn}"
        where += f", client message {self.frame}" if self.frame else ""
        when = f"{self.t_ns / 1e9:.3f} s after dialling"
        if self.recorded_t_ns is not None:
            when += f" (recorded: {self.recorded_t_ns / 1e9:.3f} s)"
        lines = [self.what, f"  at          {where}, {when}"]
        if self.recorded is not None and self.actual is not None:
            found = list(islice(differences(self.recorded, self.actual), _MOST_DIFFERENCES + 1))
            for difference in found[:_MOST_DIFFERENCES]:
                one, other = around(difference)
                lines += [f"  differs     {difference.path}", f"    recorded  {one}", f"    now       {other}"]
            if len(found) > _MOST_DIFFERENCES:
                lines.append("    and more")
        if self.recorded is not None or self.actual is not None:
            lines.append(f"  {'recorded':58}   now")
            lines += [f"  {row}" for row in side_by_side(_or_nothing(self.recorded), _or_nothing(self.actual))]
        lines += [f"  after       {mutation}" for mutation in self.mutations]
        lines.append(f"  what to do  {self._advice()}")
        return "\n".join(lines)

    def _advice(self) -> str:
        if self.mutations:
            return "no recording answers what a disturbed application does otherwise: disturb the call without replay"
        return f"undo the change, or {record_anew(self.origin)}"

    def error(self) -> CassetteDriftError:
        """As the error that it is."""
        return CassetteDriftError(self.details(), path=self.path, line=self.line or None)


def record_anew(origin: Origin) -> str:
    """How a cassette is made again, of what it was made of: from our own server that takes no key and no money."""
    if origin == "imported":
        return "import what it was made of anew"
    provider = "--sim-provider=live " if origin == "live" else ""
    return f"record anew: {provider}--sim-record=all"


def _or_nothing(message: Json) -> Json:
    return "(nothing)" if message is None else message


@dataclass(frozen=True, slots=True)
class Leftover:
    """What of a cassette was not used.

    Args:
        conn: The connection, as numbered in the cassette.
        frames: How many frames of its server were not played; nothing when the connection was never dialled.
        line: Where the first of them stands in the cassette.
    """

    conn: int
    frames: int | None
    line: int

    def __str__(self) -> str:
        if self.frames is None:
            return f"line {self.line}: connection {self.conn} was never dialled"
        return f"line {self.line}: {self.frames} frames of the server on connection {self.conn} were not played"
