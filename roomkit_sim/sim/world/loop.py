"""An event loop whose time is virtual: instead of waiting for the next timer it goes there.

Differs from asyncio's own loops in five ways that determinism needs: time is an integer number of nanoseconds; timers
of one deadline fire in the order in which they were set; tasks hash by a counter, so sets of tasks have a stable
order; executors run inline; and connections are made in memory.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import socket
from asyncio import base_events
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import BudgetExceededError, DeadlockError
from roomkit_sim.sim.world.network import SimNetwork
from roomkit_sim.sim.world.waiting import describe_waiting

if TYPE_CHECKING:
    from contextvars import Context

__all__ = ["VirtualTimeLoop"]

NS_PER_S = 1_000_000_000
MAX_PASSES = 200_000
"""Rounds of the loop at one instant; a burst of frames takes a few hundred."""


class _Timer(asyncio.TimerHandle):
    """A timer that comes after those of the same deadline that were set before it.

    asyncio keeps timers in a heap, which is not stable. In real time ties are rare; in virtual time every frame of a
    burst has the same deadline.
    """

    __slots__ = ("_seq",)

    def __init__(self, when: float, callback: Any, args: Any, loop: Any, context: Any, seq: int) -> None:
        super().__init__(when, callback, args, loop, context)
        self._seq = seq

    def __lt__(self, other: Any) -> bool:
        return bool(self._when < other._when or (self._when == other._when and self._seq < other._seq))  # type: ignore[attr-defined]


class _Task(asyncio.Task[Any]):
    """A task whose place in a set depends on when it was made, not on where in memory it lies."""

    def __init__(self, coro: Any, *, loop: VirtualTimeLoop, **settings: Any) -> None:
        self._number = loop.next_number()
        super().__init__(coro, loop=loop, **settings)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Selector:
    """Stands where asyncio waits for the operating system."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._passes = 0

    def select(self, timeout: float | None) -> list[Any]:
        """Let the time pass until the next timer."""
        if timeout is None or timeout > 0:
            self._passes = 0
            self._loop.advance()
        else:
            self._passes += 1
            if self._passes > MAX_PASSES:
                self._passes = 0
                self._loop.refuse_livelock()
        return []

    def close(self) -> None:
        """Nothing to release."""


class VirtualTimeLoop(base_events.BaseEventLoop):
    """The loop.

    Args:
        network: Where its connections are made.
        budget_ns: Virtual time after which it stops with an error; idle WebSockets ping for ever, so a call that hangs
            would not end otherwise.
    """

    def __init__(self, network: SimNetwork, *, budget_ns: int) -> None:
        super().__init__()
        self.now_ns = 0
        self.budget_ns = budget_ns
        self.network = network
        network.loop = self
        self._clock_resolution = 1e-9
        self._numbers = itertools.count(1)
        self._selector = _Selector(self)
        self._half_connected: dict[int, tuple[str, int]] = {}
        self.set_task_factory(lambda loop, coro, **settings: _Task(coro, loop=self, **settings))

    def next_number(self) -> int:
        """A number larger than all before."""
        return next(self._numbers)

    # Time

    def time(self) -> float:
        """Seconds since the start of the run."""
        return self.now_ns / NS_PER_S

    def advance(self) -> None:
        """Go to the next timer.

        Raises:
            DeadlockError: There is none, and so nothing can happen any more.
            BudgetExceededError: It lies beyond the budget.
        """
        scheduled: list[_Timer] = self._scheduled  # type: ignore[attr-defined]
        if not scheduled:
            raise DeadlockError(
                f"at {self.time():.3f} s nothing can happen any more: no timer is set and every task waits.\n"
                + describe_waiting(self)
            )
        when = max(self.now_ns, round(scheduled[0].when() * NS_PER_S))
        if when > self.budget_ns:
            raise BudgetExceededError(
                f"the run has used up its {self.budget_ns / NS_PER_S:g} s of virtual time: something hangs, or the "
                f"scenario needs a larger budget_ms.\n" + describe_waiting(self)
            )
        self.now_ns = when

    def refuse_livelock(self) -> None:
        """Something is always ready, so that time never passes.

        Raises:
            DeadlockError: Always; names the tasks.
        """
        raise DeadlockError(
            f"at {self.time():.3f} s time stands still: in {MAX_PASSES} rounds some task was always ready, as in "
            f"'while True: await asyncio.sleep(0)'.\n" + describe_waiting(self)
        )

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call at a time in seconds, rounded to a nanosecond."""
        return self.call_at_ns(round(when * NS_PER_S), callback, *args, context=context)

    def call_at_ns(
        self, when_ns: int, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call at a time in nanoseconds."""
        self._check_closed()  # type: ignore[attr-defined]
        timer = _Timer(when_ns / NS_PER_S, callback, args, self, context, next(self._numbers))
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    # What asyncio's base class leaves to the loops of operating systems

    def _process_events(self, event_list: list[Any]) -> None:
        """No operating system, no events."""

    def _write_to_self(self) -> None:
        """No other thread waits for this loop."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run at once, in this thread: a real thread would take real time, which virtual time does not see."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    # Names and connections

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """Look a name up in the simulated network."""
        name = host.decode() if isinstance(host, bytes) else host
        address = self.network.resolve(name)
        await asyncio.sleep(self.network.links.dns_ns / NS_PER_S)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, int(port or 0)))]

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """An address is its own name."""
        return sockaddr[0], str(sockaddr[1])

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **settings: Any
    ) -> Any:
        """Connect in the simulated network. TLS is not carried out, its round trips are."""
        sock = settings.get("sock")
        if sock is not None:
            # aiohttp connects a socket first (see sock_connect) and hands it over here.
            host, port = self._half_connected.pop(sock.fileno())
            sock.close()
        name = host.decode() if isinstance(host, bytes) else host
        return await self.network.connect(protocol_factory, name, int(port), tls=bool(settings.get("ssl")))

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Remember where a socket is to be connected to; the socket itself never is."""
        await asyncio.sleep(0)
        self._half_connected[sock.fileno()] = address[:2]

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **settings: Any) -> Any:
        """Listen in the simulated network."""
        return self.network.listen(protocol_factory, host or "0.0.0.0", int(port or 0))

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **settings: Any) -> Any:
        """TLS on a connection that stands already: nothing to encrypt in memory."""
        transport.set_protocol(protocol)
        return transport
