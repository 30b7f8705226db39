"""Which misbehaviours of a server are switched on at the moment."""

from __future__ import annotations

from collections.abc import Iterable

from roomkit_sim.sim.scenario.switches import SWITCHES

__all__ = ["Switchboard"]


class Switchboard:
    """The switches of one server. They may be flipped at any time, also in the middle of a connection.

    Args:
        on: Names of what is on from the beginning.
    """

    def __init__(self, on: Iterable[str] = ()) -> None:
        self._on: dict[str, None] = {}
        for name in on:
            self.flip(name)

    def flip(self, name: str, *, on: bool = True) -> None:
        """Switch a misbehaviour on or off.

        Raises:
            KeyError: There is no such switch.
        """
        if name not in SWITCHES:
            raise KeyError(name)
        if on:
            self._on[name] = None
        else:
            self._on.pop(name, None)

    def is_on(self, name: str) -> bool:
        """Whether a misbehaviour is on.

        Raises:
            KeyError: There is no such switch.
        """
        if name not in SWITCHES:
            raise KeyError(name)
        return name in self._on
