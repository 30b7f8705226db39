"""Runs the linter over a call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.protocol.common import COMMON_RULES
from roomkit_sim.sim.checks.protocol.frames import Frame, frames_of
from roomkit_sim.sim.checks.protocol.gemini.table import GEMINI_LIVE
from roomkit_sim.sim.checks.protocol.openai.table import OPENAI_REALTIME
from roomkit_sim.sim.checks.protocol.rules import Connection, Dialect, EndRule, Rule
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.trace.events import Json, TraceEvent

__all__ = ["check_protocol", "lint"]

DIALECTS: tuple[Dialect[Any], ...] = (GEMINI_LIVE, OPENAI_REALTIME)
REAL_REACTION_NS = 20_000_000
"""What arrived this shortly before may be unread when a frame is sent. In virtual time only the instant itself is."""


@dataclass(frozen=True, slots=True)
class _Breach:
    rule: Rule[Any] | EndRule[Any]
    frame: Frame
    what: str


def check_protocol(subject: Subject) -> Iterator[Finding]:
    """Every frame that the client sent is one that the protocol allows where it was sent."""
    reaction_ns = 0 if subject.record.clock == "virtual" else REAL_REACTION_NS
    yield from lint(subject.record.events, where=subject.record.source, reaction_ns=reaction_ns)


def lint(events: Iterable[TraceEvent], *, where: str = "", reaction_ns: int = 0) -> Iterator[Finding]:
    """Lint the connections of one call; linear in the number of its events.

    Args:
        events: The call's trace; nothing but its wire events is looked at.
        where: ``file:line`` of the scenario.
        reaction_ns: How long a client may take to read what has arrived.

    Yields:
        One finding for each rule that a connection breaks, at the first frame that breaks it.
    """
    first: dict[tuple[int, str], _Breach] = {}
    others: dict[tuple[int, str], list[_Breach]] = {}
    for breach in _breaches(frames_of(events), reaction_ns):
        key = (breach.frame.conn, breach.rule.code)
        if first.setdefault(key, breach) is not breach:
            others.setdefault(key, []).append(breach)
    for key, breach in first.items():
        yield _finding(breach, others.get(key, []), where)


def _breaches(frames: list[Frame], reaction_ns: int) -> Iterator[_Breach]:
    dialects = _dialects(frames)
    calls = {id(dialect): dialect.new_call() for dialect in DIALECTS}
    connections: dict[int, Connection] = {}
    for raw in frames:
        dialect = dialects.get(raw.conn)
        if dialect is None:
            continue
        frame = dialect.read(raw)
        connection = connections.get(frame.conn)
        if connection is None:
            connection = connections[frame.conn] = dialect.connect(calls[id(dialect)], frame, reaction_ns)
        if frame.way in ("sent", "open"):
            yield from _judged(dialect, connection, frame)
        connection.take(frame)
    ends = {frame.conn: frame.until_ns for frame in frames}
    for conn, connection in connections.items():
        for rule in dialects[conn].end_rules:
            for frame, what in rule.broken(connection, ends[conn]):
                yield _Breach(rule, frame, what)


def _judged(dialect: Dialect[Any], connection: Connection, frame: Frame) -> Iterator[_Breach]:
    for rule in chain(COMMON_RULES if frame.way == "sent" else (), dialect.rules):
        if (not rule.on and frame.way == "sent") or not frozenset(frame.kinds).isdisjoint(rule.on):
            for what in rule.broken(connection, frame):
                yield _Breach(rule, frame, what)


def _dialects(frames: list[Frame]) -> dict[int, Dialect[Any]]:
    """Which protocol each connection speaks: by the host that was dialled, else by the first message that tells."""
    found: dict[int, Dialect[Any]] = {}
    for frame in frames:
        if frame.conn not in found:
            dialect = next((dialect for dialect in DIALECTS if _speaks(dialect, frame)), None)
            if dialect is not None:
                found[frame.conn] = dialect
    return found


def _speaks(dialect: Dialect[Any], frame: Frame) -> bool:
    if frame.way == "dial":
        return str(frame.data.get("host", "")).endswith(dialect.hosts)
    return not dialect.kinds.isdisjoint(dialect.read(frame).kinds)


def _finding(breach: _Breach, others: list[_Breach], where: str) -> Finding:
    frame, rule = breach.frame, breach.rule
    also = [other.frame.number for other in others]
    more = f" (and {len(also)} more like it)" if also else ""
    evidence: dict[str, Json] = {"conn": frame.conn, "frame": frame.name, "number": frame.number}
    return Finding(
        rule.code,
        f"{frame.shown}: {breach.what}{more}",
        at_ns=frame.t_ns,
        where=where,
        expected=rule.expected,
        actual=breach.what,
        evidence={**evidence, "also": [*also]} if also else evidence,
        severity=rule.severity,
    )
