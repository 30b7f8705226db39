"""Which resumption handle there is, and whether it covers all that was said. Pure."""

from __future__ import annotations

__all__ = ["ResumptionHandle"]


class ResumptionHandle:
    """The newest handle of a session.

    A handle is *current* when the server issued it after the last tool result and did not say since that the session
    cannot be resumed (it says so while it generates, or while a call is open). A better one is *expected* until then,
    but not on a new connection on which nothing has happened: the server issues none for what it is only told again.
    """

    def __init__(self) -> None:
        self._handle: str | None = None
        self._current = False
        self._expected = True

    @property
    def value(self) -> str | None:
        """The newest handle, current or not."""
        return self._handle

    @property
    def current(self) -> bool:
        """Whether it covers all that was said."""
        return self._current

    @property
    def expected(self) -> bool:
        """Whether one that covers more may come on this connection."""
        return self._expected and not self._current

    def updated(self, handle: str | None, resumable: bool) -> None:
        """The server said what holds now. The last handle stays usable while it says that there is no new one."""
        if resumable and handle is not None:
            self._handle = handle
            self._current = True
        else:
            self.outdated()

    def outdated(self) -> None:
        """Something was told to the model that the handle does not cover."""
        self._current = False
        self._expected = True

    def refused(self) -> None:
        """The server does not accept it."""
        self._handle = None
        self.outdated()

    def connected(self) -> None:
        """There is a new connection, which knows what was said."""
        self._expected = False
