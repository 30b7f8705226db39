"""Calls that backends make: several callbacks, sync or async, none able to stop the others."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["call_all"]

_log = logging.getLogger(__name__)


async def call_all(callbacks: Sequence[Callable[..., Any]], *args: Any) -> None:
    """Call all, in order; an awaitable result is awaited before the next one is called."""
    for callback in callbacks:
        try:
            result = callback(*args)
            if result is not None and inspect.isawaitable(result):
                await result
        except Exception:
            _log.exception("a callback of a voice backend failed")
