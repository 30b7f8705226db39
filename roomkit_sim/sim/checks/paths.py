"""Checks the path of a call: agents, phases, legality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.trace.route import PathStep, phases, route

__all__ = ["check_legality", "check_phases", "check_route"]

_NOT_TRANSITIONS = ("seeded", "rolled_back", "restored")


def check_route(subject: Subject) -> Iterator[Finding]:
    """The agents in charge, one after the other."""
    if subject.expect.route is not None:
        yield from _compare("ROUTE001", "route", subject, subject.expect.route, route(subject.record.events))


def check_phases(subject: Subject) -> Iterator[Finding]:
    """The phases, one after the other."""
    if subject.expect.phases is not None:
        yield from _compare("PHASE002", "phases", subject, subject.expect.phases, phases(subject.record.events))


def _compare(
    code: str, part: str, subject: Subject, expected: Sequence[str], actual: Sequence[PathStep]
) -> Iterator[Finding]:
    names = [step.name for step in actual]
    if list(expected) == names:
        return
    pairs = enumerate(zip_longest(expected, names))
    index, (wanted, got) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
    at_ns = actual[index].t_ns if index < len(actual) else subject.record.end_ns
    happened = f"{got} came" if got is not None else "the call ended"
    instead_of = f"instead of {wanted}" if wanted is not None else "where it should have ended"
    yield Finding(
        code,
        f"{happened} {instead_of}, at step {index + 1} of the {part}",
        at_ns=at_ns,
        where=subject.expected_at(part),
        expected=" -> ".join(expected),
        actual=" -> ".join(names) or "(nothing)",
        evidence={"divergence": index},
    )


def check_legality(subject: Subject) -> Iterator[Finding]:
    """Every change of phase is one that the application's own graph allows."""
    allowed = subject.record.plan.get("allowed_transitions")
    if not isinstance(allowed, dict):
        return
    states = [event for event in subject.record.events if event.name == "runtime.state"]
    for before, after in pairwise(states):
        source, target = str(before.data.get("phase")), str(after.data.get("phase"))
        if source == target or after.data.get("why") in _NOT_TRANSITIONS:
            continue
        legal = allowed.get(source)
        names = [str(name) for name in legal] if isinstance(legal, list) else []
        if target not in names:
            yield Finding(
                "PHASE001",
                f"illegal transition {source} -> {target}",
                at_ns=after.t_ns,
                where=subject.record.source,
                expected=f"from {source}: {', '.join(names) or 'nowhere'}",
                actual=f"{source} -> {target}",
            )
