"""What stands in a recording in place of what was taken out. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from roomkit_sim.sim.cassette.numbers import digits_of
from roomkit_sim.sim.cassette.span import LABEL

__all__ = ["Labels"]


class Labels:
    """Gives each value of a kind a number, in the order in which they come.

    Args:
        keep: Values that get none, because they stay.
    """

    def __init__(self, keep: Iterable[str] = ()) -> None:
        self._numbers: dict[str, dict[str, int]] = {}
        self._keep = frozenset(_form(value) for value in keep)

    def keeps(self, value: str) -> bool:
        """Whether a value stays."""
        return bool(self._keep) and _form(value) in self._keep

    def label(self, kind: str, value: str) -> str:
        """What stands in its place. A number of a person is the same however it is written."""
        if LABEL.fullmatch(value):
            return value
        numbers = self._numbers.setdefault(kind, {})
        return f"<{kind}-{numbers.setdefault(_form(value) if kind != 'handle' else value, len(numbers) + 1)}>"


def _form(value: str) -> str:
    letters = any(map(str.isalpha, value))
    return value.casefold() if letters else digits_of(value) or value
