"""Reads how many minutes calls with a service may take. Imports nothing heavy: every pytest run may ask."""

from __future__ import annotations

import math

from roomkit_sim.errors import ScenarioError

__all__ = ["MOST_MINUTES", "parse_minutes"]

MOST_MINUTES = 24 * 60
"""A day: more is a slip of the hand, and services are paid by the minute."""


def parse_minutes(text: str | float, option: str = "--sim-live-minutes") -> float:
    """Read a number of minutes: more than 0, at most a day.

    Args:
        text: What was asked for.
        option: What it was said with.

    Raises:
        ScenarioError: It is none.
    """
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes <= MOST_MINUTES:
        raise ScenarioError(
            f"{option}={text}: expected a number of minutes, more than 0 and at most {MOST_MINUTES}, such as 10 or 0.5"
        )
    return minutes
