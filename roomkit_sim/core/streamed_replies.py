"""Brings a reply to the channels that take it as it is being written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from roomkit_sim.channels.base import Channel
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.stream import FAILED, INCOMPLETE, INTERRUPTED, Pause, ReplyStream

__all__ = ["StreamTarget", "Written", "close_stream", "deliver_stream"]


@dataclass(frozen=True)
class StreamTarget:
    """A channel that takes a reply as it is written, and its binding."""

    channel: Channel
    binding: ChannelBinding


@dataclass
class Written:
    """What became of a stream.

    Args:
        pieces: Its words.
        error: With which it broke off.
        interrupted: Whether it was ended because nobody listened any more.
        errors: Of channels that failed to take it, by id.
    """

    pieces: list[str] = field(default_factory=list)
    error: Exception | None = None
    interrupted: bool = False
    errors: dict[str, Exception] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """All of them."""
        return "".join(self.pieces).rstrip()

    @property
    def marks(self) -> dict[str, Any]:
        """Metadata that tells a reply that was not written to its end."""
        if self.interrupted:
            return {INCOMPLETE: INTERRUPTED}
        return {INCOMPLETE: FAILED} if self.error is not None else {}


class _Copy(AsyncIterator[str]):
    """A stream as one of several channels reads it, at its own pace."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._wants_more = asyncio.Event()
        self._has_reader = True

    def put(self, piece: str | None) -> None:
        """The next piece; ``None`` is the end."""
        if self._has_reader:
            self._wants_more.clear()
            self._pieces.put_nowait(piece)

    def leave(self) -> None:
        """Nobody reads it any more."""
        self._has_reader = False
        self._wants_more.set()

    async def caught_up(self) -> None:
        """Wait until its reader has dealt with all pieces, or has left."""
        await self._wants_more.wait()

    async def __anext__(self) -> str:
        if self._pieces.empty():
            self._wants_more.set()
        piece = await self._pieces.get()
        if piece is None:
            self._pieces.put_nowait(None)
            raise StopAsyncIteration
        return piece


async def deliver_stream(
    stream: AsyncIterator[str], reply: RoomEvent, targets: Sequence[StreamTarget], context: RoomContext
) -> Written:
    """Have a reply spoken while it is written; returns when it is written, or when nobody listens any more.

    Every target gets all pieces. One that returns before the end has nobody left who listens; when all have, the
    stream is ended at once. One that fails is left out; the others, and the timeline, get the rest.

    Args:
        stream: The words.
        reply: The event that they will become, without them.
        targets: Who takes them.
        context: The room.
    """
    written = Written()
    copies = [_Copy() for _ in targets]
    deliveries = [
        asyncio.create_task(target.channel.deliver_stream(copy, reply, target.binding, context))
        for target, copy in zip(targets, copies, strict=True)
    ]
    for copy, delivery in zip(copies, deliveries, strict=True):
        delivery.add_done_callback(partial(_leave, copy))
    reading = asyncio.create_task(_read(stream, written, copies))
    try:
        await _until_written_or_unheard(stream, reading, deliveries, written)
        results = await asyncio.gather(*deliveries, return_exceptions=True)
    finally:
        # Cancelled itself, or done: neither the author nor a channel goes on without this.
        for task in (reading, *deliveries):
            task.cancel()
        await asyncio.gather(reading, *deliveries, return_exceptions=True)
    for target, result in zip(targets, results, strict=True):
        if isinstance(result, Exception):
            written.errors[target.binding.channel_id] = result
    return written


def _leave(copy: _Copy, delivery: asyncio.Task[Any]) -> None:
    copy.leave()


async def close_stream(stream: AsyncIterator[str]) -> None:
    """End a stream that is not read any further."""
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


async def _until_written_or_unheard(
    stream: AsyncIterator[str], reading: asyncio.Task[None], deliveries: list[asyncio.Task[Any]], written: Written
) -> None:
    ends: list[asyncio.Future[Any]] = [reading, asyncio.gather(*deliveries, return_exceptions=True)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    # A channel that failed is no audience that left: what is written then is still read by others.
    if not reading.done() and not all(task.cancelled() or task.exception() for task in deliveries):
        written.interrupted = True
        if not (isinstance(stream, ReplyStream) and stream.stop()):
            reading.cancel()
    await asyncio.wait({reading})


async def _read(stream: AsyncIterator[str], written: Written, copies: Sequence[_Copy]) -> None:
    try:
        async for piece in stream:
            if piece or isinstance(piece, Pause):
                written.pieces.append(piece)
                for copy in copies:
                    copy.put(piece)
            if isinstance(piece, Pause):
                # What the author does in the pause, a handoff perhaps, must not come before what it said.
                await asyncio.gather(*(copy.caught_up() for copy in copies))
    except Exception as error:
        written.error = error
    finally:
        for copy in copies:
            copy.put(None)
        await close_stream(stream)
