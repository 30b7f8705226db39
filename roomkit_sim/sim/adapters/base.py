"""What an adapter must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.recorder import TraceSink

__all__ = ["Adapter"]


class Adapter(Protocol):
    """Observes one framework. Applications of a framework return objects that its adapter recognises."""

    def observing(self, sink: TraceSink) -> AbstractContextManager[None]:
        """Turn what the framework does in this context, and in tasks started in it, into ``runtime`` events."""
        ...

    def recognises(self, answered: object) -> bool:
        """Whether an application's return value is of this framework."""
        ...

    def facts(self, answered: Any) -> Mapping[str, Json]:
        """What the checks need to know of the application, where it is known.

        ``allowed_transitions``: phase to the phases that may follow. ``voices``: agent to the voice that is its own.
        """
        ...

    async def end(self, answered: Any) -> None:
        """End the call after the caller hung up. Must not fail where the application has ended it already."""
        ...

    async def close(self, answered: Any) -> None:
        """Release what the application built, once all calls of the run have ended. Several calls may share it."""
        ...
