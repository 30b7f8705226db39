"""What a realtime tool handler may answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["DeferredToolResult", "NotHandled"]


class NotHandled:
    """The tool is none of the handler's: the ON_REALTIME_TOOL_CALL hooks are asked, as if there were no handler."""


@dataclass(frozen=True)
class DeferredToolResult:
    """A result that must reach the model before something else happens.

    A handoff replaces the connection that issued the call. The model waits for ever if its answer comes on another
    connection, so the channel submits ``result`` first, on the connection that asked, and then runs ``then``.

    Args:
        result: The tool's result: a JSON string, or a dictionary that is sent as JSON.
        then: What to do after the result has been submitted. Runs also if it could not be, since whatever led to the
            result has been done already.
        silent: The model has nothing to say to the result: somebody else speaks next.
    """

    result: str | dict[str, Any]
    then: Callable[[], Awaitable[None]]
    silent: bool = False
