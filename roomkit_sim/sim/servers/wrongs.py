"""What a server asks at each place where a service is known to misbehave."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.trace.events import Json

__all__ = ["GoesWrong", "Wrongs"]

GoesWrong: TypeAlias = Callable[[str], bool]
"""From a switch's name to whether the misbehaviour happens, here and now."""


class Wrongs:
    """The misbehaviours of one connection: says which happen, and notes each once in the call's trace.

    Args:
        switches: The server's switches.
        emit: Puts an event into the call's trace: its kind and its data.
    """

    def __init__(self, switches: Switchboard, emit: Callable[..., None]) -> None:
        self._switches = switches
        self._emit = emit
        self._noted: dict[str, None] = {}

    def __call__(self, name: str) -> bool:
        """Whether a misbehaviour happens now. To be asked only where it would."""
        if not self._switches.is_on(name):
            return False
        if name not in self._noted:
            self._noted[name] = None
            data: dict[str, Json] = {"switch": name}
            self._emit("misbehaved", **data)
        return True
