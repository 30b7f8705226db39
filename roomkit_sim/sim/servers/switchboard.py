"""Which misbehaviours of a server are switched on at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from roomkit_sim.sim.scenario.switches import SWITCHES

__all__ = ["Switchboard"]


class Switchboard:
    """The switches of one server. They may be flipped at any time, also in the middle of a connection.

    Args:
        on: Names of what is on from the beginning.
    """

    def __init__(self, on: Iterable[str] = ()) -> None:
        self._on: dict[str, int | None] = {}
        self._acted: dict[str, None] = {}
        self._watching: dict[str, Callable[[], None]] = {}
        for name in on:
            self.flip(name)

    @property
    def acted(self) -> tuple[str, ...]:
        """The misbehaviours that happened: those for which :meth:`is_on` was answered with yes, in order."""
        return tuple(self._acted)

    def on_act(self, name: str, happened: Callable[[], None]) -> None:
        """Call ``happened`` when a misbehaviour happens the next time."""
        self._watching[name] = happened

    def flip(self, name: str, *, on: bool = True, uses: int | None = None) -> None:
        """Switch a misbehaviour on or off.

        Args:
            name: Which.
            on: Whether on.
            uses: It goes off by itself after it was found on so often.

        Raises:
            KeyError: There is no such switch.
        """
        if name not in SWITCHES:
            raise KeyError(name)
        if on:
            self._on[name] = uses
        else:
            self._on.pop(name, None)

    def is_on(self, name: str) -> bool:
        """Whether a misbehaviour is on. To be asked at the moment at which it would happen: a yes is an act.

        Raises:
            KeyError: There is no such switch.
        """
        if name not in SWITCHES:
            raise KeyError(name)
        if name not in self._on:
            return False
        self._acted[name] = None
        left = self._on[name]
        if left is not None:
            self._on[name] = left - 1
            if left <= 1:
                del self._on[name]
        if name in self._watching:
            self._watching.pop(name)()
        return True
