"""Tool handlers of both shapes: ``(name, arguments)`` and ``(session, name, arguments)``."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["ToolHandler", "call_tool_handler", "result_text", "takes_session"]

ToolHandler: TypeAlias = Callable[..., Any]


def takes_session(handler: ToolHandler) -> bool:
    """Whether a handler wants the session as its first argument: it takes three positional arguments."""
    try:
        inspect.signature(handler).bind(None, "", {})
    except TypeError:
        return False
    return True


async def call_tool_handler(handler: ToolHandler, session: Any, name: str, arguments: dict[str, Any]) -> Any:
    """Call a handler of either shape, sync or async.

    Args:
        handler: The handler.
        session: The voice session; ``None`` in a text conversation.
        name: The tool's name.
        arguments: Its arguments.

    Returns:
        Whatever the handler returns.
    """
    given = (session, name, arguments) if takes_session(handler) else (name, arguments)
    result = handler(*given)
    return await result if inspect.isawaitable(result) else result


def result_text(result: Any, *, ascii_only: bool = True) -> str:
    """A tool's result as the text that models take: a string as it stands, anything else as JSON.

    What JSON does not know, such as a date, is given in its own words.

    Args:
        result: Whatever the handler returned.
        ascii_only: Write other characters as escapes.

    Raises:
        ValueError: It contains itself.
        TypeError: A key of a mapping is no text or number.
    """
    return result if isinstance(result, str) else json.dumps(result, default=str, ensure_ascii=ascii_only)
