"""What a code means."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Code"]


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means.

    Args:
        title: What is wrong.
        cause: What usually leads to it.
        cure: What to look at.
    """

    title: str
    cause: str
    cure: str
