"""The one place where the runtime reads a clock.

Whatever needs the time calls :func:`now` or :func:`monotonic_ns`. Both ask the clock of the current context, which is
the machine's clock unless somebody chose another with :func:`use_clock`; a simulated world does, so that timestamps
follow its time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "monotonic_ns", "now", "use_clock"]


class Clock(Protocol):
    """What a clock must be able to tell."""

    def now(self) -> datetime:
        """The date and time, timezone-aware, in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary point; never goes backwards."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The date and time, timezone-aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        """Nanoseconds of the machine's monotonic clock."""
        return time.monotonic_ns()


_clock: ContextVar[Clock] = ContextVar("roomkit_sim_clock", default=SystemClock())  # noqa: B039 - stateless


def now() -> datetime:
    """The date and time of the current context's clock, timezone-aware, in UTC."""
    return _clock.get().now()


def monotonic_ns() -> int:
    """Nanoseconds of the current context's monotonic clock."""
    return _clock.get().monotonic_ns()


@contextmanager
def use_clock(clock: Clock) -> Iterator[None]:
    """Make ``clock`` the clock of this context and of every task started in it."""
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)
