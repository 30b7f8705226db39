"""Who answers in a run: a server of ours, a recording, or the service itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.caller.line import environment_secret, simulated_secret
from roomkit_sim.sim.caller.voices import ConfiguredVoice, Ear
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.runner.worlds import AnyWorld
from roomkit_sim.sim.servers.contract import ProtocolServer, ServerSession

__all__ = ["FakeService", "LiveService", "RecordedService", "Service"]


class Service(ABC):
    """What stands at the provider's name.

    Attributes:
        server: Ours, if it is one of ours: then it can be made to misbehave.
        secrets: Where the application gets its secrets from.
        tells_by_itself: Whether it puts what it does into the trace; else the wire has to be watched.
    """

    server: ProtocolServer | None = None
    secrets: Callable[[str], str] = staticmethod(simulated_secret)
    tells_by_itself = True

    @property
    @abstractmethod
    def sessions(self) -> Sequence[ServerSession]:
        """All connections so far, in order."""

    @abstractmethod
    def new_ear(self) -> Ear:
        """Names the voices that a caller hears."""

    @asynccontextmanager
    async def found_in(self, world: AnyWorld) -> AsyncIterator[None]:
        """Let it be found while the context lasts."""
        yield

    def unused(self) -> list[str]:
        """What it was prepared for and did not happen, for people. Asked at the end."""
        return []


class FakeService(Service):
    """A server of ours.

    Args:
        server: It.
    """

    def __init__(self, server: ProtocolServer) -> None:
        self.server: ProtocolServer = server

    @property
    def sessions(self) -> Sequence[ServerSession]:
        """All connections so far, in order."""
        return self.server.sessions

    def new_ear(self) -> Ear:
        """The voices of our servers are told by their sound."""
        return VoiceIdentifier()

    @asynccontextmanager
    async def found_in(self, world: AnyWorld) -> AsyncIterator[None]:
        """Let it be found while the context lasts."""
        async with world.hosting(self.server.host, self.server.serve):
            yield


class RecordedService(Service):
    """A recording.

    Args:
        replay: The server that replays it.
    """

    def __init__(self, replay: ReplayServer) -> None:
        self._replay = replay

    @property
    def sessions(self) -> Sequence[ServerSession]:
        """All connections so far, in order."""
        return self._replay.sessions

    def new_ear(self) -> Ear:
        """Voices of our servers are told by their sound, also when they were recorded; those of a service are not."""
        return VoiceIdentifier() if self._replay.cassette.header.origin == "simulated" else ConfiguredVoice()

    @asynccontextmanager
    async def found_in(self, world: AnyWorld) -> AsyncIterator[None]:
        """Let it be found while the context lasts.

        Raises:
            CassetteDriftError: The application did something that was not recorded.
        """
        async with AsyncExitStack() as stack:
            for host in self._replay.hosts:
                await stack.enter_async_context(world.hosting(host, self._replay.serve))
            with self._replay.stopping():
                yield

    def unused(self) -> list[str]:
        """Connections and frames of the recording that did not come to pass."""
        return [] if self._replay.drifts else [str(leftover) for leftover in self._replay.leftovers()]


class LiveService(Service):
    """The service itself."""

    secrets = staticmethod(environment_secret)
    tells_by_itself = False

    @property
    def sessions(self) -> Sequence[ServerSession]:
        """Nobody knows them."""
        return ()

    def new_ear(self) -> Ear:
        """Nobody knows the sound of its voices."""
        return ConfiguredVoice()
