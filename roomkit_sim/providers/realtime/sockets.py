"""What is asked of the SDKs' sockets: to notice a dead peer, and to let go of one.

websockets' ``send()`` holds a lock while it waits for room in the buffers, and its keepalive and ``close()`` wait for
the same lock. So a peer that takes nothing any more is never found out, and never left, by websockets itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from types import TracebackType
from typing import Any

__all__ = ["SOCKET_OPTIONS", "Sending", "drop", "leave"]

_log = logging.getLogger(__name__)

SOCKET_OPTIONS: Mapping[str, Any] = {"ping_interval": 5, "ping_timeout": 5, "close_timeout": 2}
"""Arguments of websockets' ``connect()``, which the SDKs pass on. A dead peer is noticed after 10 s, not after 40: all
that time a caller hears nothing."""

LONGEST_SEND_S = 5.0
"""After so long without room for a frame the peer is taken for dead."""

LONGEST_CLOSE_S = 3.0
"""A little more than ``close_timeout``, which counts from when the lock is had."""


class Sending:
    """Bounds what is sent in the block; a socket that takes it too late is dropped, which its reader notices.

    A class, for it stands around every piece of audio. Leaving the block raises ``TimeoutError`` if it took too long.

    Args:
        socket: The connection of websockets below the SDK's.
        limit_s: Seconds.
    """

    __slots__ = ("_socket", "_timeout")

    def __init__(self, socket: object, limit_s: float = LONGEST_SEND_S) -> None:
        self._socket = socket
        self._timeout = asyncio.timeout(limit_s)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            drop(self._socket)
            raise


async def leave(closing: Awaitable[None], socket: object, limit_s: float = LONGEST_CLOSE_S) -> None:
    """Close a connection in order; drop it where that takes too long, or where it is broken already.

    Args:
        closing: Closes it.
        socket: The connection of websockets below the SDK's.
        limit_s: Seconds.
    """
    try:
        async with asyncio.timeout(limit_s):
            await closing
    except TimeoutError:
        drop(socket)
    except Exception as error:
        _log.debug("closing a connection that is broken already: %s", type(error).__name__)


def drop(socket: object) -> None:
    """End a connection at once, without a word to the other end."""
    transport = getattr(socket, "transport", None)
    if transport is not None:
        transport.abort()
