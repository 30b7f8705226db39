"""The harness: synthetic callers, the simulated world, fake providers, checks and reports.

The names below are loaded when they are first used (docs/adr/0003-lazy-facade.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from roomkit_sim.lazy_names import lazy_names

if TYPE_CHECKING:
    from roomkit_sim.sim.adapters.roomkit import Call as Call
    from roomkit_sim.sim.caller.line import PhoneLine as PhoneLine
    from roomkit_sim.sim.checks.findings import Finding as Finding
    from roomkit_sim.sim.checks.findings import Severity as Severity
    from roomkit_sim.sim.runner.simulate import Run as Run
    from roomkit_sim.sim.runner.simulate import simulate as simulate
    from roomkit_sim.sim.scenario.loader import load as load
    from roomkit_sim.sim.scenario.loader import parse as parse
    from roomkit_sim.sim.scenario.mode import Mode as Mode
    from roomkit_sim.sim.scenario.model import Scenario as Scenario
    from roomkit_sim.sim.trace.record import CallRecord as CallRecord

_HOMES = {
    "roomkit_sim.sim.adapters.roomkit": ("Call",),
    "roomkit_sim.sim.caller.line": ("PhoneLine",),
    "roomkit_sim.sim.checks.findings": (
        "Finding",
        "Severity",
    ),
    "roomkit_sim.sim.runner.simulate": (
        "Run",
        "simulate",
    ),
    "roomkit_sim.sim.scenario.loader": (
        "load",
        "parse",
    ),
    "roomkit_sim.sim.scenario.mode": ("Mode",),
    "roomkit_sim.sim.scenario.model": ("Scenario",),
    "roomkit_sim.sim.trace.record": ("CallRecord",),
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
