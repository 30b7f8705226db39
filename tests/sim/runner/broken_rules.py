"""Calls that break one rule of the protocol each, on either wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit_sim.sim import Run
from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.scenario.model import Provider
from tests.sim.runner.misconduct import Frame, Hears, Says, meddle, talk_after_closing
from tests.sim.runner.switched_calls import play

__all__ = ["Breach", "break_rule", "found"]


@dataclass(frozen=True)
class Breach:
    """One way to break a rule.

    Args:
        says: What the client does to the frames that it sends.
        hears: What it does to those that it receives.
        settings: Of the call, as :func:`play` takes them.
        switches: What the service does besides.
        when_closed: What it says on a connection that it has closed.
    """

    says: Says | None = None
    hears: Hears | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    when_closed: Frame | None = None


def found(run: Run) -> dict[str, Severity]:
    """What the linter has found."""
    return {finding.code: finding.severity for finding in run.findings if finding.code.startswith("WIRE")}


def break_rule(wire: Provider, breach: Breach, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Play the call with the client that breaks the rule."""
    meddle(monkeypatch, breach.says, breach.hears)
    if breach.when_closed is not None:
        talk_after_closing(monkeypatch, breach.when_closed)
    return play(wire, *breach.switches, **breach.settings)
