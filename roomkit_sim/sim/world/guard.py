"""Stops a simulation that touches the real network."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.errors import RealNetworkError
from roomkit_sim.sim.world.places import is_standard_library, place

__all__ = ["no_real_network"]

_FORBIDDEN = frozenset(
    {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
)


@dataclass
class _Guard:
    """The audit hook. It stays for the life of the process, so there is one, switched on and off."""

    installed: bool = False
    thread: int | None = None
    others: frozenset[int | None] = frozenset()
    touched: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN and self.thread is not None and self._is_of_the_simulation(threading.get_ident()):
            callers = [frame for frame in traceback.extract_stack() if frame.filename != __file__]
            # The innermost place that is not Python's own: whose code it was.
            own = [frame for frame in callers if not is_standard_library(frame.filename)]
            target = arguments[1] if event in ("socket.connect", "socket.bind") else arguments[0]
            self.touched.append(f"{event}({target!r}) at {place((own or callers)[-1])}")
            raise RealNetworkError(_message(self.touched[-1]))

    def _is_of_the_simulation(self, thread: int) -> bool:
        """Its own thread, and those that it has started; threads that were there before go about their business."""
        return thread == self.thread or thread not in self.others


_guard = _Guard()


def _message(touched: str) -> str:
    return (
        f"the simulation touched the real network: {touched}. Connect through asyncio in the call's own thread, or add "
        f"the host to the simulated network."
    )


@contextmanager
def no_real_network() -> Iterator[None]:
    """Refuse real sockets to this thread while the context lasts.

    Raises:
        RealNetworkError: At the place itself, and once more at the end in case something caught it there; it then
            stands before any error that came of it.
    """
    if not _guard.installed:
        sys.addaudithook(_guard)
        _guard.installed = True
    before = _guard.thread, _guard.touched, _guard.others
    touched: list[str] = []
    there = frozenset(thread.ident for thread in threading.enumerate())
    _guard.thread, _guard.touched, _guard.others = threading.get_ident(), touched, there
    try:
        yield
    except RealNetworkError:
        raise
    except Exception as error:
        if touched:
            raise RealNetworkError(_message(touched[0])) from error
        raise
    finally:
        _guard.thread, _guard.touched, _guard.others = before
    if touched:
        raise RealNetworkError(_message(touched[0]))
