"""Tool handlers of both shapes."""

from __future__ import annotations

import functools
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from roomkit_sim.channels.tool_handlers import call_tool_handler, takes_session


class Methods:
    async def short(self, name: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
        return name, arguments

    def long(self, session: Any, name: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
        return session, name, arguments


async def short(name: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
    return name, arguments


async def long(session: Any, name: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
    return session, name, arguments


def with_an_option(name: str, arguments: dict[str, Any], *, strict: bool = False) -> tuple[Any, ...]:
    return name, arguments


def bound_before(kit: Any, session: Any, name: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
    return session, name, arguments


SHORT = ("tool", {"a": 1})
LONG = ("the session", "tool", {"a": 1})


@pytest.mark.parametrize(
    ("handler", "given"),
    [
        (short, SHORT),
        (long, LONG),
        (Methods().short, SHORT),
        (Methods().long, LONG),
        (with_an_option, SHORT),
        (functools.partial(bound_before, "kit"), LONG),
        (lambda name, arguments: (name, arguments), SHORT),
        (lambda *everything: everything, LONG),
    ],
)
async def test_a_handler_is_called_in_its_own_shape(handler: Any, given: tuple[Any, ...]) -> None:
    assert await call_tool_handler(handler, "the session", "tool", {"a": 1}) == given


async def test_sync_and_async_results_are_both_returned() -> None:
    assert await call_tool_handler(Mock(return_value="sync"), None, "tool", {}) == "sync"
    assert await call_tool_handler(AsyncMock(return_value="async"), None, "tool", {}) == "async"


async def test_what_a_handler_raises_is_not_swallowed() -> None:
    def broken(name: str, arguments: dict[str, Any]) -> None:
        raise TypeError("inside the handler")

    with pytest.raises(TypeError, match="inside the handler"):
        await call_tool_handler(broken, None, "tool", {})


def test_three_positional_arguments_mean_that_the_session_is_wanted() -> None:
    assert takes_session(long)
    assert not takes_session(short)
