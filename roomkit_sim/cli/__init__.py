"""The command line: play scenarios without pytest, look at reports and recordings, prepare speech, explain findings."""

from __future__ import annotations

from roomkit_sim.cli import recordings, scenarios
from roomkit_sim.cli.application import app

__all__ = ["app", "recordings", "scenarios"]
