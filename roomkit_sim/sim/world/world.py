"""One simulated world: its time, its network, its randomness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from roomkit_sim.errors import BudgetExceededError, DeadlockError
from roomkit_sim.sim.world.entropy import seeded_entropy
from roomkit_sim.sim.world.guard import no_real_network
from roomkit_sim.sim.world.libraries import simulated_libraries
from roomkit_sim.sim.world.link import LinkPair
from roomkit_sim.sim.world.loop import VirtualTimeLoop
from roomkit_sim.sim.world.loopback import Serve
from roomkit_sim.sim.world.network import SimNetwork
from roomkit_sim.sim.world.seeds import SeedTree
from roomkit_sim.sim.world.unhandled import Unhandled

__all__ = ["EPOCH", "World"]

T = TypeVar("T")

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
"""The date at which every simulation begins."""

HTTPS = 443
DEFAULT_BUDGET_NS = 180_000_000_000

CLEAN_UP_NS = 60_000_000_000
"""Virtual time that cancelled tasks may take after a run that hung."""


class World:
    """A world is used for one run.

    Args:
        seed: From which all its randomness is drawn.
        links: The way between any client and any server.
        budget_ns: Virtual time that the run may take.
    """

    def __init__(self, *, seed: int, links: LinkPair | None = None, budget_ns: int = DEFAULT_BUDGET_NS) -> None:
        self.seeds = SeedTree(seed)
        self.network = SimNetwork(self.seeds, links or LinkPair())
        self.unhandled = Unhandled()
        self._budget_ns = budget_ns
        self._loop: VirtualTimeLoop | None = None

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return self._loop.now_ns if self._loop is not None else 0

    def now(self) -> datetime:
        """The world's date and time, in UTC."""
        return EPOCH + timedelta(microseconds=self.now_ns / 1000)

    def loop_factory(self) -> VirtualTimeLoop:
        """Make the world's loop."""
        self._loop = VirtualTimeLoop(self.network, budget_ns=self._budget_ns)
        self._loop.set_exception_handler(self.unhandled.note)
        return self._loop

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Seeded entropy, adapted libraries and no real network, while the context lasts."""
        with simulated_libraries(), seeded_entropy(self.seeds, lambda: self.now().timestamp()), no_real_network():
            yield

    @asynccontextmanager
    async def hosting(self, name: str, serve: Serve) -> AsyncIterator[None]:
        """Let a server be found under a name while the context lasts."""
        self.network.add_host(name)
        service = await serve(name, HTTPS, None)
        try:
            yield
        finally:
            service.close()
            await service.wait_closed()

    def run(
        self, main: Callable[[], Coroutine[Any, Any, T]], on_stopped: Callable[[Exception], None] | None = None
    ) -> T:
        """Run a coroutine in this world, to its end.

        Args:
            main: Makes the coroutine.
            on_stopped: Called the moment a run that hangs is stopped, before its tasks are cancelled.

        Raises:
            DeadlockError: Nothing can happen any more; names the waiting tasks.
            BudgetExceededError: The virtual time is used up; names the waiting tasks.
            RealNetworkError: Something touched a real socket.
        """
        with self.installed(), asyncio.Runner(loop_factory=self.loop_factory) as runner:
            try:
                return runner.run(main())
            except (DeadlockError, BudgetExceededError) as error:
                if on_stopped is not None:
                    on_stopped(error)
                # The runner cancels what is left, which may take (virtual) time once more.
                assert self._loop is not None
                self._loop.budget_ns = self._loop.now_ns + CLEAN_UP_NS
                raise
