"""Callbacks of a provider: several a kind, sync or async, none able to stop the others."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

__all__ = ["Callbacks"]

_log = logging.getLogger(__name__)


class Callbacks:
    """The callbacks of one kind.

    Args:
        kind: What they are told of; named when one of them fails.
    """

    __slots__ = ("_callbacks", "_kind")

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._callbacks: list[Callable[..., Any]] = []

    def add(self, callback: Callable[..., Any]) -> None:
        """Register one more."""
        self._callbacks.append(callback)

    async def __call__(self, *args: Any) -> None:
        """Call all, in the order of registration; an awaitable result is awaited before the next one is called."""
        for callback in self._callbacks:
            try:
                result = callback(*args)
                # isawaitable() is slow, audio comes fifty times a second, and None is the usual answer.
                if result is not None and inspect.isawaitable(result):
                    await result
            except Exception:
                _log.exception("a callback for %s failed", self._kind)
