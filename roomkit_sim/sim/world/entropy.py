"""Seeds what libraries draw from, and shows them virtual time where they ask the machine for the date."""

from __future__ import annotations

import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from roomkit_sim.sim.world.seeds import SeedTree

__all__ = ["seeded_entropy"]


@contextmanager
def seeded_entropy(seeds: SeedTree, wall_clock_s: Callable[[], float]) -> Iterator[None]:
    """Make the process repeatable while the context lasts.

    Covers WebSocket masks and keys (``secrets``), ids (``uuid4``), the global ``random`` (back-off jitter, ping
    payloads) and ``time.time`` (the Date header of handshakes). Other threads keep seeing the machine's time.

    Args:
        seeds: Where the randomness comes from.
        wall_clock_s: The world's date, in seconds since 1970.
    """
    draw = seeds.bytes_source("entropy", "bytes")
    thread = threading.get_ident()
    real_time = time.time

    def token_bytes(nbytes: int | None = None) -> bytes:
        return draw(32 if nbytes is None else nbytes)

    def world_time() -> float:
        return wall_clock_s() if threading.get_ident() == thread else real_time()

    def uuid4() -> uuid.UUID:
        return uuid.UUID(bytes=draw(16), version=4)

    state: Any = random.getstate()
    random.seed(seeds.number("entropy", "random"))
    try:
        with (
            mock.patch.object(secrets, "token_bytes", token_bytes),
            mock.patch.object(uuid, "uuid4", uuid4),
            mock.patch.object(time, "time", world_time),
        ):
            yield
    finally:
        random.setstate(state)
