"""Which resumption handle there is, and whether it covers all that was said. Pure, but for the event to wait for."""

from __future__ import annotations

import asyncio

__all__ = ["ResumptionHandle"]


class ResumptionHandle:
    """The newest handle of a session.

    A handle is *current* when the server issued it after the last tool result and did not say since that the session
    cannot be resumed (it says so while it generates, or while a call is open).
    """

    def __init__(self) -> None:
        self._handle: str | None = None
        self._current = False
        self._settled = asyncio.Event()

    @property
    def value(self) -> str | None:
        """The newest handle, current or not."""
        return self._handle

    @property
    def current(self) -> bool:
        """Whether it covers all that was said."""
        return self._current

    def updated(self, handle: str | None, resumable: bool) -> None:
        """The server said what holds now. The last handle stays usable while it says that there is no new one."""
        if resumable and handle is not None:
            self._handle = handle
            self._current = True
            self._settled.set()
        else:
            self.outdated()

    def outdated(self) -> None:
        """Something was told to the model that the handle does not cover."""
        self._current = False
        self._settled.clear()

    def refused(self) -> None:
        """The server does not accept it."""
        self._handle = None
        self.outdated()

    def connection_lost(self) -> None:
        """No newer one will come on this connection: whoever waits goes on with what there is."""
        self._settled.set()

    def connected(self) -> None:
        """There is a connection again on which a newer one can come."""
        if not self._current:
            self._settled.clear()

    async def wait_current(self, timeout_s: float) -> None:
        """Wait until it is current, cannot become so any more, or ``timeout_s`` has passed."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            return
