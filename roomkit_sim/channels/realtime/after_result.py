"""What a tool sets going that must wait until the tool's own result is sent.

A tool that reconfigures its session would cut the connection on which its result is awaited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from roomkit_sim.channels.realtime.session import LiveVoiceSession

__all__ = ["AfterResult", "running_tool"]

FollowUp: TypeAlias = Callable[[], Awaitable[None]]


class AfterResult:
    """The follow-ups of one running tool call.

    Args:
        live: The session whose model called the tool.
    """

    def __init__(self, live: LiveVoiceSession) -> None:
        self.live = live
        self.is_running = False
        self._follow_ups: list[FollowUp] = []

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """The tool runs, in this context and in tasks that it starts."""
        token = _running.set(self)
        self.is_running = True
        try:
            yield
        finally:
            # Tasks that the tool started keep the context: for them the tool is over too.
            self.is_running = False
            _running.reset(token)

    def __bool__(self) -> bool:
        return bool(self._follow_ups)

    def add(self, follow_up: FollowUp) -> None:
        """Do this after the result is sent."""
        self._follow_ups.append(follow_up)

    async def run(self) -> None:
        """Do all that was added, in order."""
        for follow_up in self._follow_ups:
            await follow_up()


_running: ContextVar[AfterResult | None] = ContextVar("roomkit_sim_running_tool", default=None)


def running_tool(live: LiveVoiceSession) -> AfterResult | None:
    """The tool call of this session in which the present code runs, if it does and has not returned."""
    running = _running.get()
    return running if running is not None and running.is_running and running.live is live else None
