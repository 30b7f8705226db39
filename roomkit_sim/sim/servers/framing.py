"""How a frame travels: whole, in WebSocket fragments, in several TCP segments. Shared by all protocol servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

from roomkit_sim.sim.servers.wrongs import GoesWrong

__all__ = ["Sender", "in_segments", "pieces_of", "send_frame"]

PIECES = 3
PAUSE_S = 0.004
"""Short enough that audio of 20 ms a frame is not overtaken by the next."""


class Sender(Protocol):
    """The part of a WebSocket that sends."""

    async def send(self, message: Any) -> None:
        """Send a message: whole, or an iterable of its fragments."""


async def send_frame(socket: Sender, frame: str | bytes, goes_wrong: GoesWrong) -> None:
    """Send a frame in the way that the switches want."""
    if goes_wrong("any.slow_frames"):
        await _whole(socket, _slowly(pieces_of(frame)))
    elif goes_wrong("any.fragmented_frames"):
        await _whole(socket, pieces_of(frame))
    else:
        await socket.send(frame)


async def _whole(socket: Sender, fragments: AsyncIterator[str | bytes] | Iterable[str | bytes]) -> None:
    """Send all fragments of a frame, also if the sender is cancelled: half a frame makes the connection unusable."""
    sending = asyncio.ensure_future(socket.send(fragments))
    sending.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.shield(sending)


def pieces_of(frame: str | bytes) -> list[str | bytes]:
    """A frame in :data:`PIECES` pieces of its own kind, fewer if it is shorter than that."""
    size = max(1, -(-len(frame) // PIECES))
    return [frame[at : at + size] for at in range(0, len(frame), size)]


async def _slowly(pieces: Iterable[str | bytes]) -> AsyncIterator[str | bytes]:
    for index, piece in enumerate(pieces):
        if index:
            await asyncio.sleep(PAUSE_S)
        yield piece


def in_segments(socket: Any, goes_wrong: GoesWrong) -> None:
    """Let what a WebSocket writes leave it in several segments while the switch is on."""
    socket.transport = _Segmenting(socket.transport, goes_wrong)


class _Segmenting:
    """A transport that writes in pieces; all else is the transport's own."""

    def __init__(self, transport: Any, goes_wrong: GoesWrong) -> None:
        self._transport = transport
        self._goes_wrong = goes_wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        for piece in pieces_of(bytes(data)) if self._goes_wrong("any.segmented_frames") else [data]:
            self._transport.write(piece)
