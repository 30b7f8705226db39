"""Reads the seeds that a user asks for. Imports nothing heavy: every pytest run may ask."""

from __future__ import annotations

from roomkit_sim.errors import ScenarioError

__all__ = ["parse_seeds"]


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read ``--sim-seeds``: one seed ``7``, so many seeds ``10x``, a list ``1,5,9``, a range ``0-99``.

    Raises:
        ScenarioError: It is none of these.
    """
    try:
        if text.endswith("x"):
            seeds = tuple(range(int(text[:-1])))
        elif "-" in text:
            first, last = text.split("-")
            seeds = tuple(range(int(first), int(last) + 1))
        else:
            seeds = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        seeds = ()
    if not seeds:
        raise ScenarioError(
            f"--sim-seeds={text!r}: expected a seed (7), a number of seeds (10x), a list (1,5) or a range (0-9)"
        )
    return tuple(dict.fromkeys(seeds))
