"""What a scenario may name by mistake."""

from __future__ import annotations

A_NUMBER = 7


async def of_two(line: object, other: object) -> None:
    """Takes more than a phone line."""
