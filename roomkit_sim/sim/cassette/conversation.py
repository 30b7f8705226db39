"""A recorded call as a conversation: who said what when, what was called, which connections there were. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from roomkit_sim.sim.cassette.acts import Answered, Called, Configured, Done, Failed, GoingAway, Told, Words, acts_of
from roomkit_sim.sim.cassette.model import Cassette, Close, Frame, Loss, Note, Plain, RecordedConnection, Sound
from roomkit_sim.sim.cassette.speech import Stretch, agent_stretches, caller_stretches

__all__ = ["Dialled", "Ended", "Moment", "Said", "What", "conversation_of"]

HUMAN_PATIENCE_NS = 4_000_000_000
"""A transcript belongs to speech that ended so long before it."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """A connection begins."""

    host: str
    path: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A connection ends."""

    how: str


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody spoke.

    Args:
        who: ``caller`` or ``agent``.
        words: What the service wrote down; empty when it wrote nothing.
        until_ns: When it ended.
        stretch: The sound, if it is known.
        utterance: The id of the caller's utterance, where our own server knew it.
        interrupted: Whether it was cut off.
    """

    who: str
    words: str
    until_ns: int
    stretch: Stretch | None = None
    utterance: str | None = None
    interrupted: bool = False


What: TypeAlias = Dialled | Ended | Said | Configured | Told | Called | Answered | GoingAway | Failed | Note


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened.

    Args:
        t_ns: When it began, counted from the first dial.
        conn: On which connection.
        what: What.
        line: Where in the cassette.
    """

    t_ns: int
    conn: int
    what: What
    line: int = 0


def conversation_of(cassette: Cassette) -> list[Moment]:
    """All that happened, in order of time."""
    moments: list[Moment] = []
    heard: list[Stretch] = []
    for connection in cassette.connections:
        stretches = caller_stretches(connection)
        # When two connections overlap, both hear the caller.
        new = [
            one
            for one in stretches
            if not any(one.start_ns < other.end_ns and other.start_ns < one.end_ns for other in heard)
        ]
        heard += new
        moments += _Reader(connection, new).moments()
    return sorted(moments, key=lambda moment: (moment.t_ns, moment.conn, moment.line))


class _Reader:
    """Reads one connection.

    Args:
        connection: It.
        stretches: What the caller said on it.
    """

    def __init__(self, connection: RecordedConnection, stretches: list[Stretch]) -> None:
        self._connection = connection
        self._caller = [
            Moment(stretch.start_ns, connection.number, Said("caller", "", stretch.end_ns, stretch))
            for stretch in stretches
        ]
        self._agent_stretches = list(agent_stretches(connection))
        self._agent: list[Moment] = []
        self._open: dict[tuple[str, str], tuple[int, int, str]] = {}
        self._others: list[Moment] = []

    def moments(self) -> Iterator[Moment]:
        """What happened, in no order."""
        connection = self._connection
        self._add(connection.dialled_ns, Dialled(connection.host, connection.path, connection.status), connection.line)
        closed = False
        for event in connection.events:
            t_ns = connection.dialled_ns + event.t_ns
            match event:
                case Frame():
                    self._frame(event, t_ns)
                case Close(way=way, code=code, reason=reason):
                    if not closed:
                        by = "client" if way == "sent" else "server"
                        self._add(t_ns, Ended(f"closed by the {by}, code {code}{reason and f': {reason}'}"), event.line)
                    closed = True
                case Loss(by=by, error=error):
                    if not closed:
                        why = "" if error is None else f" ({error})"
                        self._add(t_ns, Ended(f"lost: TCP ended by the {by}{why}"), event.line)
                case Note():
                    self._note(event, t_ns)
        self._finish(None, interrupted=False)
        yield from self._caller
        yield from self._agent
        yield from self._others

    def _add(self, t_ns: int, what: What, line: int) -> None:
        self._others.append(Moment(t_ns, self._connection.number, what, line))

    def _frame(self, event: Frame, t_ns: int) -> None:
        message = event.body.json if isinstance(event.body, Plain) else None
        if isinstance(event.body, Sound):
            message = event.body.like if event.way == "received" else None
        for act in acts_of(event.way, message):
            match act:
                case Words():
                    self._words(act, t_ns, event.line)
                case Done(interrupted=interrupted):
                    self._finish("agent", interrupted=interrupted)
                    self._finish("caller", interrupted=False)
                case _:
                    if isinstance(act, Called):
                        self._finish("caller", interrupted=False)
                    self._add(t_ns, act, event.line)

    def _words(self, act: Words, t_ns: int, line: int) -> None:
        if act.who == "agent" and not act.is_whole:
            # The model answers, so what the caller said is complete.
            self._finish("caller", interrupted=False)
        key = (act.who, act.stream)
        began_ns, at, text = self._open.get(key, (t_ns, line, ""))
        self._open[key] = (began_ns, at, act.text if act.is_whole else text + act.text)
        if act.is_whole and act.who == "caller":
            self._finish("caller", interrupted=False)

    def _finish(self, who: str | None, *, interrupted: bool) -> None:
        for key in [key for key in self._open if who in (None, key[0])]:
            began_ns, line, text = self._open.pop(key)
            words = " ".join(text.split())
            if key[0] == "caller":
                self._caller_said(began_ns, words, line)
            elif words:
                self._agent_said(began_ns, words, line, interrupted=interrupted)

    def _agent_said(self, began_ns: int, words: str, line: int, *, interrupted: bool) -> None:
        near = [one for one in self._agent_stretches if one.end_ns >= began_ns]
        stretch = min(near, key=lambda one: abs(one.start_ns - began_ns), default=None)
        start_ns, end_ns = (began_ns, began_ns) if stretch is None else (stretch.start_ns, stretch.end_ns)
        said = Said("agent", words, end_ns, stretch, interrupted=interrupted)
        self._agent.append(Moment(start_ns, self._connection.number, said, line))

    def _caller_said(self, t_ns: int, words: str, line: int) -> None:
        """Words belong to the last stretch that began before them and has none."""
        for index in reversed(range(len(self._caller))):
            moment = self._caller[index]
            said = moment.what
            assert isinstance(said, Said)
            if moment.t_ns <= t_ns and not said.words and t_ns - said.until_ns < HUMAN_PATIENCE_NS:
                self._caller[index] = replace(moment, what=replace(said, words=words), line=line)
                return
        if words and not any(isinstance(one.what, Said) and one.what.words == words for one in self._caller):
            self._caller.append(Moment(t_ns, self._connection.number, Said("caller", words, t_ns), line))

    def _note(self, note: Note, t_ns: int) -> None:
        self._add(t_ns, note, note.line)
        if note.kind != "heard":
            return
        before = [index for index, moment in enumerate(self._caller) if moment.t_ns <= t_ns]
        if before and isinstance(said := self._caller[before[-1]].what, Said):
            words = note.data.get("words")
            known = replace(said, utterance=str(note.data.get("utterance")))
            if not said.words and isinstance(words, str):
                known = replace(known, words=words)
            self._caller[before[-1]] = replace(self._caller[before[-1]], what=known)
