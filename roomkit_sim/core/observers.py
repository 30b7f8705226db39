"""Lets a harness see every framework event of a context, whichever kit emits it.

Observers run before the handlers that an application registered with ``kit.on(...)``, at the moment of the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from roomkit_sim.models.framework_event import FrameworkEvent

__all__ = ["Observer", "notify", "observe"]

Observer: TypeAlias = Callable[[FrameworkEvent], None]

_observers: ContextVar[tuple[Observer, ...]] = ContextVar("roomkit_sim_observers", default=())


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Call ``observer`` with every framework event of this context, and of every task started in it."""
    token = _observers.set((*_observers.get(), observer))
    try:
        yield
    finally:
        _observers.reset(token)


def notify(event: FrameworkEvent) -> bool:
    """Show ``event`` to the observers of this context; tells whether there were any."""
    watching = _observers.get()
    for observer in watching:
        observer(event)
    return bool(watching)
