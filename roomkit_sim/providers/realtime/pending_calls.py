"""The function calls that wait for their results. Pure."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["CallId", "PendingCalls"]

CallId: TypeAlias = str
Opened: TypeAlias = Literal["new", "again", "conflict"]


class PendingCalls:
    """The function calls of the present connection. Ids mean nothing on another one."""

    def __init__(self) -> None:
        self._waiting: dict[CallId, tuple[str, object]] = {}
        self._answered: dict[CallId, tuple[str, object]] = {}
        self._cancelled: dict[CallId, None] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def opened(self, call_id: CallId, name: str, arguments: object = None) -> Opened:
        """The model called ``name``.

        Returns:
            ``new``: it is to be made. An id that was answered may come again, for another call. ``again``: the service
            told of it twice: it waits already, or was answered and the model has done nothing since. ``conflict``:
            another call waits under this id, for which one result can be given.
        """
        call = (name, arguments)
        if self._answered.get(call_id) == call:
            return "again"
        if call_id in self._waiting:
            return "again" if self._waiting[call_id] == call else "conflict"
        self._waiting[call_id] = call
        self._cancelled.pop(call_id, None)
        return "new"

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
        call = self._waiting.pop(call_id, None)
        if call is None:
            return None
        self._answered[call_id] = call
        return call[0]

    def model_went_on(self) -> None:
        """The model did something else: what it calls from now on, it calls anew."""
        self._answered.clear()

    def connection_gone(self) -> None:
        """Nobody waits any more: no other connection knows these calls."""
        self._waiting.clear()
        self._answered.clear()
