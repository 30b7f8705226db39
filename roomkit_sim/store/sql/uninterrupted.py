"""Lets a write end although its caller is cancelled.

A transaction that is left in the middle may keep SQLite's write lock in a driver's thread that nobody waits for any
more, and every other writer then runs into its timeout.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from roomkit_sim.core.cancellation import to_the_end

__all__ = ["uninterrupted"]

P = ParamSpec("P")
T = TypeVar("T")


def uninterrupted(write: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run ``write`` to its end. A caller that is cancelled meanwhile is so when the write has ended.

    The store's own timeouts bound how long that takes.
    """

    @functools.wraps(write)
    async def uncut(*args: P.args, **settings: P.kwargs) -> T:
        return await to_the_end(write(*args, **settings))

    return uncut
