"""What a connection still has to send. Putting something in never waits, so nothing comes in between two events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from roomkit_sim.sim.servers.framing import send_frame
from roomkit_sim.sim.servers.wrongs import GoesWrong

__all__ = ["Outbox", "Socket"]


class Socket(Protocol):
    """The part of a WebSocket that a session needs."""

    async def send(self, message: Any) -> None:
        """Send a message: whole, or an iterable of its fragments."""

    async def recv(self) -> str | bytes:
        """The next message."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close."""


@dataclass(frozen=True)
class _Close:
    code: int
    reason: str


class Outbox:
    """Sends in order, at the pace of the connection.

    Args:
        socket: The connection.
        goes_wrong: Which misbehaviours happen on it.
    """

    def __init__(self, socket: Socket, goes_wrong: GoesWrong) -> None:
        self._socket = socket
        self._goes_wrong = goes_wrong
        self._waiting: asyncio.Queue[str | _Close] = asyncio.Queue()

    def put(self, message: str) -> None:
        """Send a message after those that wait."""
        self._waiting.put_nowait(message)

    def close(self, code: int, reason: str = "") -> None:
        """Close the connection when everything before is sent."""
        self._waiting.put_nowait(_Close(code, reason))

    async def run(self) -> None:
        """Send until the connection is closed."""
        while True:
            message = await self._waiting.get()
            if isinstance(message, _Close):
                await self._socket.close(message.code, message.reason)
                return
            await send_frame(self._socket, message, self._goes_wrong)
