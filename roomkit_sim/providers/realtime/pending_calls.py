"""The function calls that wait for their results. Pure."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["CallId", "PendingCalls"]

CallId: TypeAlias = str


class PendingCalls:
    """The function calls of the present connection. Ids mean nothing on another one."""

    def __init__(self) -> None:
        self._waiting: dict[CallId, str] = {}
        self._known: dict[CallId, None] = {}
        self._cancelled: dict[CallId, None] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def opened(self, call_id: CallId, name: str) -> bool:
        """The model called ``name``. False if it has used this id before: a call can be answered once only."""
        if call_id in self._known:
            return False
        self._known[call_id] = None
        self._waiting[call_id] = name
        return True

    def cancelled(self, call_ids: tuple[CallId, ...]) -> None:
        """The model took calls back."""
        for call_id in call_ids:
            self._waiting.pop(call_id, None)
            self._cancelled[call_id] = None

    def was_cancelled(self, call_id: CallId) -> bool:
        """Whether the model took this call back."""
        return call_id in self._cancelled

    def answered(self, call_id: CallId) -> str | None:
        """The name of the function, if the call waited for its result; it does no longer."""
        return self._waiting.pop(call_id, None)

    def connection_gone(self) -> None:
        """Nobody waits any more: no other connection knows these calls."""
        self._waiting.clear()
        self._known.clear()
