"""A world of real time and real sockets, with the parts of a simulated one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from unittest import mock

from roomkit_sim.errors import BudgetExceededError
from roomkit_sim.sim.world.lag import LagMeter
from roomkit_sim.sim.world.libraries import PROXY_VARIABLES
from roomkit_sim.sim.world.loopback import Serve, on_loopback
from roomkit_sim.sim.world.real_network import RealNetwork, RealTimeLoop
from roomkit_sim.sim.world.seeds import SeedTree
from roomkit_sim.sim.world.unhandled import Unhandled
from roomkit_sim.sim.world.waiting import describe_tasks

__all__ = ["RealTimeWorld"]

T = TypeVar("T")

CLEAN_UP_S = 5.0
"""What cancelled tasks may take after a run."""


class RealTimeWorld:
    """A world is used for one run.

    Args:
        seed: From which what is ours to choose is drawn. What real time and real networks do is not ours.
        budget_ns: Time that the run may take.
        is_open: Whether names that no server of ours has lead to the real network.
    """

    def __init__(self, *, seed: int, budget_ns: int, is_open: bool = False) -> None:
        self.seeds = SeedTree(seed)
        self.network = RealNetwork(is_open=is_open)
        self.unhandled = Unhandled()
        self._budget_ns = budget_ns
        self._start_ns: int | None = None
        self.lag = LagMeter(lambda: self.now_ns)

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return 0 if self._start_ns is None else time.monotonic_ns() - self._start_ns

    def now(self) -> datetime:
        """The date and time, in UTC."""
        return datetime.now(UTC)

    @asynccontextmanager
    async def hosting(self, name: str, serve: Serve) -> AsyncIterator[None]:
        """Let a server be found under a name while the context lasts."""
        async with on_loopback(serve) as loopback:
            self.network.route(name, loopback)
            yield

    def run(
        self, main: Callable[[], Coroutine[Any, Any, T]], on_stopped: Callable[[Exception], None] | None = None
    ) -> T:
        """Run a coroutine in this world, to its end.

        Args:
            main: Makes the coroutine.
            on_stopped: Called the moment a run that hangs is stopped, before its tasks are cancelled.

        Raises:
            BudgetExceededError: The time is used up, or tasks that the run has left will not be cancelled; names them.
        """
        with mock.patch.dict(os.environ):
            for variable in () if self.network.is_open else PROXY_VARIABLES:
                # A proxy would be asked for the loopback address.
                os.environ.pop(variable, None)
            with asyncio.Runner(loop_factory=self._make_loop) as runner:
                return runner.run(self._within_budget(main, on_stopped))

    def _make_loop(self) -> RealTimeLoop:
        loop = RealTimeLoop(self.network)
        loop.set_exception_handler(self.unhandled.note)
        self._start_ns = time.monotonic_ns()
        return loop

    async def _within_budget(
        self, main: Callable[[], Coroutine[Any, Any, T]], on_stopped: Callable[[Exception], None] | None
    ) -> T:
        loop = asyncio.get_running_loop()
        task, beats = loop.create_task(main(), name="the run"), loop.create_task(self.lag.run(), name="lag meter")
        try:
            await asyncio.wait({task}, timeout=self._budget_ns / 1e9)
            beats.cancel()
            if not task.done():
                error = BudgetExceededError(
                    f"the run has used up its {self._budget_ns / 1e9:g} s of real time: something hangs, or the "
                    f"scenario needs a larger budget_ms.\n" + describe_tasks(_others() - {beats})
                )
                if on_stopped is not None:
                    on_stopped(error)
                task.cancel()
                await asyncio.wait({task}, timeout=CLEAN_UP_S)
                raise error
        finally:
            left = await _cancelled_in_time(_others())
        result = task.result()
        if left:
            raise BudgetExceededError(
                f"tasks that the run has left were cancelled, and go on {CLEAN_UP_S:g} s later: let CancelledError "
                f"through.\n" + describe_tasks(left)
            )
        return result


def _others() -> set[asyncio.Task[Any]]:
    """All tasks of this loop but the one that asks."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def _cancelled_in_time(tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Cancel tasks, and wait a while for their end; gives those that go on. Nobody waits for them any more."""
    for task in tasks:
        task.cancel()
    left = (await asyncio.wait(tasks, timeout=CLEAN_UP_S))[1] if tasks else set()
    for task in left:
        # asyncio.Runner would wait for all that it knows of.
        asyncio._unregister_task(task)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    return left
