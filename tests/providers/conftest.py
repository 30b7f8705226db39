"""A text model of ours behind both HTTP APIs, on the loopback interface or in a simulated world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.remote import RemoteAIProvider
from roomkit_sim.providers.gemini.ai import GeminiAIProvider, GeminiConfig
from roomkit_sim.providers.openai.ai import OpenAIAIProvider, OpenAIConfig
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer, ModelRefusal
from roomkit_sim.sim.world.world import World

HOSTS = {"gemini": "generativelanguage.googleapis.com", "openai": "api.openai.com"}
KEY = "secret-key-0123456789"


def make_provider(api: str, base_url: str | None = None, **settings: Any) -> RemoteAIProvider[Any]:
    """A provider at its service's address, or at another."""
    own = {"jitter": settings.pop("jitter", lambda: 1.0), "client": settings.pop("client", None)}
    settings = {"api_key": KEY, **settings}
    if api == "gemini":
        return GeminiAIProvider(GeminiConfig(base_url=base_url, **settings), **own)
    address = None if base_url is None else f"{base_url}/v1"
    return OpenAIAIProvider(OpenAIConfig(base_url=address, **settings), **own)


def script(answers: Sequence[ModelAnswer | ModelRefusal]) -> Callable[[Any], ModelAnswer | ModelRefusal]:
    """A mind that gives the answers in their order, and the last for ever."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


@asynccontextmanager
async def on_loopback(server: HttpModelServer) -> AsyncIterator[str]:
    """Serves on a real socket; gives the base URL."""
    listener = await server.serve("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        await server.close()
        await listener.wait_closed()


@dataclass
class Simulated:
    """A provider of one API, its service, and the world both are in."""

    world: World
    server: HttpModelServer
    provider: RemoteAIProvider[Any]

    @property
    def now_ms(self) -> float:
        return self.world.now_ns / 1_000_000


@pytest.fixture(params=["gemini", "openai"])
def api(request: pytest.FixtureRequest) -> str:
    """Each of the two APIs."""
    return str(request.param)


@pytest.fixture
def simulate(api: str) -> Callable[..., Any]:
    """Runs a coroutine with a provider at its production address, in virtual time; both are closed afterwards."""

    def run(
        answers: Sequence[ModelAnswer | ModelRefusal], main: Callable[[Simulated], Awaitable[Any]], **settings: Any
    ) -> Any:
        world = World(seed=7)

        async def scene() -> Any:
            server = HttpModelServer(script(answers))
            for host in HOSTS.values():
                world.network.add_host(host)
                await server.serve(host, 443)
            here = Simulated(world, server, make_provider(api, **settings))
            result = await main(here)
            await here.provider.close()
            await server.close()
            # The openai SDK leaves a generator of a stream that ended well to the garbage collector: some ticks.
            for _ in range(10):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"
            return result

        result = world.run(scene)
        assert world.unhandled == []
        return result

    return run


@pytest.fixture
def no_retry() -> RetryPolicy:
    """Every failure is raised."""
    return RetryPolicy(max_retries=0)


@pytest.fixture
def loopback() -> Callable[[HttpModelServer], AbstractAsyncContextManager[str]]:
    """Serves on a real socket."""
    return on_loopback
