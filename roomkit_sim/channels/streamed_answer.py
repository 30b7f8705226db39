"""An agent's answer as its model writes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from roomkit_sim.channels.tool_loop import StreamedToolLoop
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.stream import FAILED, INCOMPLETE, ReplyStream

__all__ = ["StreamedAnswer"]

Finish = Callable[["StreamedAnswer", Exception | None], Awaitable[None]]


class StreamedAnswer(ReplyStream):
    """The words of all rounds of a tool loop. The model is asked when the first piece is read.

    Args:
        prepare: Makes the loop: what the model is given is gathered when it is asked.
        report: Told when the answer has ended, and how it failed if it did.
        remember: Told the event that the answer became.
    """

    def __init__(
        self,
        prepare: Callable[[], Awaitable[StreamedToolLoop]],
        report: Finish,
        remember: Callable[[RoomEvent], Awaitable[None]],
    ) -> None:
        self._prepare = prepare
        self._report = report
        self._remember = remember
        self._failed = False
        self.loop: StreamedToolLoop | None = None
        """The loop, once the model is asked."""
        self._words = self._written()

    async def __anext__(self) -> str:
        """The next piece."""
        return await anext(self._words)

    async def aclose(self) -> None:
        """End the request to the model, if there is one."""
        await self._words.aclose()

    @property
    def metadata(self) -> dict[str, Any]:
        """The usage of all rounds, and whether the model failed in the middle."""
        usage = self.loop.usage if self.loop is not None else {}
        return {**({"usage": usage} if usage else {}), **({INCOMPLETE: FAILED} if self._failed else {})}

    def stop(self) -> bool:
        """Ask the model no more. Tools that run come to their end: half a booking is worse than one too many."""
        return self.loop is not None and self.loop.stop()

    async def written(self, reply: RoomEvent) -> None:
        """Remember the answer."""
        await self._remember(reply)

    async def _written(self) -> AsyncGenerator[str, None]:
        try:
            with cancelled_only_from_outside("the model's answer"):
                self.loop = await self._prepare()
                words = self.loop.words()
                try:
                    async for piece in words:
                        yield piece
                finally:
                    await words.aclose()
        except Exception as error:
            self._failed = True
            await self._report(self, error)
            return
        await self._report(self, None)
