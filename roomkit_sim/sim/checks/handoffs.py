"""Checks the handoffs of a call against those that are expected, and their latencies against their budgets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from roomkit_sim.sim.checks.findings import Finding
from roomkit_sim.sim.checks.subject import Subject
from roomkit_sim.sim.metrics.latencies import latencies_of
from roomkit_sim.sim.scenario.expect import HandoffExpectation
from roomkit_sim.sim.trace.handoffs import Handoff, handoffs
from roomkit_sim.sim.trace.route import HUMAN

__all__ = ["check_budgets", "check_completion", "check_handoffs"]


def check_handoffs(subject: Subject) -> Iterator[Finding]:
    """Every handoff that is expected, and no other, in order."""
    if subject.expect.handoffs is None:
        return
    happened = handoffs(subject.record)
    for index, (wanted, got) in enumerate(zip_longest(subject.expect.handoffs, happened)):
        where = subject.expected_at("handoffs", index) if wanted is not None else subject.expected_at("handoffs")
        if got is None:
            assert wanted is not None
            yield Finding(
                "ROUTE002",
                f"handoff {index + 1} was never asked for",
                at_ns=subject.record.end_ns,
                where=where,
                expected=_wanted(wanted),
                actual=f"{len(happened)} of {len(subject.expect.handoffs)} handoffs",
            )
        elif wanted is None:
            yield Finding(
                "ROUTE004",
                f"handoff {index + 1} was not expected",
                at_ns=got.t_ns,
                where=where,
                expected=f"{len(subject.expect.handoffs)} handoffs",
                actual=_got(got),
            )
        else:
            yield from _compare(wanted, got, where)


def _compare(wanted: HandoffExpectation, got: Handoff, where: str) -> Iterator[Finding]:
    same = (wanted.from_, wanted.to, wanted.accepted) == (got.from_agent, got.to_agent, got.accepted)
    if not same:
        yield Finding(
            "ROUTE003",
            f"handoff {got.n} is another one than expected",
            at_ns=got.t_ns,
            where=where,
            expected=_wanted(wanted),
            actual=_got(got),
        )
    elif wanted.reason is not None and wanted.reason not in got.reason:
        yield Finding(
            "ROUTE003",
            f"handoff {got.n} was refused for another reason",
            at_ns=got.t_ns,
            where=where,
            expected=f"a reason with {wanted.reason!r}",
            actual=got.reason,
        )


def _wanted(wanted: HandoffExpectation) -> str:
    return f"{wanted.from_} -> {wanted.to}, {'accepted' if wanted.accepted else 'refused'}"


def _got(got: Handoff) -> str:
    why = f": {got.reason}" if got.accepted is False else ""
    return f"{got.from_agent} -> {got.to_agent}, {got.verdict}{why}"


def check_completion(subject: Subject) -> Iterator[Finding]:
    """The new agent of an accepted handoff is heard. To a person nobody can listen here."""
    expected = subject.expect.handoffs or ()
    for handoff in handoffs(subject.record):
        wanted = expected[handoff.n - 1] if handoff.n <= len(expected) else None
        must_complete = handoff.to_agent != HUMAN if wanted is None else wanted.completes
        if handoff.accepted and must_complete and not handoff.completed:
            missing = [f"H{number}" for number in range(4, 12) if f"H{number}" not in handoff.stages]
            yield Finding(
                "ROUTE005",
                f"the caller never heard {handoff.to_agent} after handoff {handoff.n}",
                at_ns=handoff.t_ns,
                where=subject.expected_at("handoffs", handoff.n - 1),
                expected=f"a voice of {handoff.to_agent}",
                actual=f"missing stages: {', '.join(missing)}",
            )


def check_budgets(subject: Subject) -> Iterator[Finding]:
    """The latencies of each expected handoff are within its budget."""
    for index, (wanted, got) in enumerate(zip(subject.expect.handoffs or (), handoffs(subject.record), strict=False)):
        measured = latencies_of(got.stages).as_dict()
        for name, limit in wanted.budget.limits().items():
            where = subject.expected_at("handoffs", index, "budget", name)
            value = measured[name]
            if value is None and wanted.completes and not got.completed:
                # That the new agent was never heard is a finding already.
                continue
            if value is None:
                yield Finding(
                    "LAT002",
                    f"handoff {got.n} has no {name}: a stage that it is measured between did not happen",
                    at_ns=got.t_ns,
                    where=where,
                    expected=f"{name} <= {limit:g}",
                    actual=f"stages: {', '.join(got.stages)}",
                )
            elif value > limit:
                yield Finding(
                    "LAT001",
                    f"handoff {got.n} ({got.from_agent} -> {got.to_agent}): {name} is {value:.1f}, {value - limit:.1f} "
                    f"over its budget",
                    at_ns=got.stages.get("H11", got.t_ns),
                    where=where,
                    expected=f"{name} <= {limit:g}",
                    actual=", ".join(f"{key} {number:.0f}" for key, number in measured.items() if number is not None),
                )
