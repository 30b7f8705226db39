"""Replies that are being written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, Final, Self

from roomkit_sim.models.event import RoomEvent

__all__ = ["FAILED", "INCOMPLETE", "INTERRUPTED", "PAUSE", "Pause", "ReplyStream"]

INCOMPLETE = "incomplete"
"""Event metadata: why a reply was not written to its end."""
FAILED = "failed"
"""Its author failed in the middle."""
INTERRUPTED = "interrupted"
"""Nobody listened any more."""


class Pause(str):
    """A piece of a stream without words: what came before is complete for now, and the next may take its time.

    Who speaks a text as it is written does not wait for the end of a sentence that stands before a pause.
    """

    __slots__ = ()


PAUSE: Final = Pause()


class ReplyStream(ABC, AsyncIterator[str]):
    """The words of a reply as they are written; the reply is entered into the timeline when they have ended.

    A plain async iterator of strings will do as :attr:`ChannelOutput.response_stream` too; this one can tell more.
    """

    def __aiter__(self) -> Self:
        """Itself: a stream is read once."""
        return self

    @abstractmethod
    async def __anext__(self) -> str:
        """The next piece."""

    @abstractmethod
    async def aclose(self) -> None:
        """End the writing. A stream that was never read has asked nobody."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What the reply's event is to carry, when the words have ended."""
        return {}

    def stop(self) -> bool:
        """Nobody listens any more.

        Returns:
            Whether the stream ends by itself where that is safe; if not, its reader is to be cancelled.
        """
        return False

    async def written(self, reply: RoomEvent) -> None:
        """The words have ended, and this is the event that they became."""
