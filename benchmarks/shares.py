"""Where the time of a call goes, by package."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from collections.abc import Callable
from pathlib import Path

OURS = Path(__file__).parents[1] / "roomkit_sim"


def shares(work: Callable[[], object]) -> list[tuple[str, float]]:
    """Packages with their share of the time, largest first. Profiling itself weighs on small functions."""
    profile = cProfile.Profile()
    profile.runcall(work)
    spent: Counter[str] = Counter()
    for (filename, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        spent[package(filename)] += own
    whole = sum(spent.values())
    return [(name, seconds / whole) for name, seconds in spent.most_common(12)]


def package(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(OURS):
        return ".".join(("roomkit_sim", *path.relative_to(OURS).parts[:-1][:2]))
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
    return "built-in functions" if filename.startswith("~") else path.parent.name or filename
