"""The one place where the runtime makes identifiers.

:func:`new_id` gives random ids unless the context chose another source with :func:`use_ids`; a simulated world chooses
a seeded one, so that the same seed gives the same ids.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["new_id", "use_ids"]


def _random_id() -> str:
    return uuid.uuid4().hex


_source: ContextVar[Callable[[], str]] = ContextVar("roomkit_sim_ids", default=_random_id)


def new_id() -> str:
    """A new identifier: 32 hexadecimal digits."""
    return _source.get()()


@contextmanager
def use_ids(source: Callable[[], str]) -> Iterator[None]:
    """Take the ids of this context, and of every task started in it, from ``source``."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)
