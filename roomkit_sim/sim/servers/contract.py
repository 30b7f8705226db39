"""What every protocol server offers to the run that it is part of."""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.scenario.mind import Latency, Persona
from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.trace.recorder import TraceSink
from roomkit_sim.sim.world.seeds import SeedTree

if TYPE_CHECKING:
    from websockets.asyncio.server import Server

__all__ = ["MakeServer", "ProtocolServer", "ServerSession", "SinkFor"]

SinkFor: TypeAlias = Callable[[tuple[str, int]], tuple[int, TraceSink]]
"""From a client's address to the number of its connection and the trace of its call."""


class ServerSession(Protocol):
    """One connection, as the server sees it."""

    @property
    def conn(self) -> int:
        """The connection's number."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands."""
        ...

    @property
    def received(self) -> bytes | None:
        """All audio that arrived, PCM16 mono at 16 kHz; nothing where the session never came to listen."""
        ...

    def announce_end(self, time_left_ms: int) -> None:
        """Tell the client, where the protocol can, that the connection will be closed, and close it then."""


class ProtocolServer(Protocol):
    """A fake service."""

    @property
    def switches(self) -> Switchboard:
        """Its misbehaviours."""
        ...

    @property
    def host(self) -> str:
        """The name at which the SDK looks for the service."""
        ...

    @property
    def sessions(self) -> Sequence[ServerSession]:
        """All connections so far, in order."""
        ...

    async def serve(self, host: str, port: int, ssl: tls.SSLContext | None = None) -> Server:
        """Listen, in the simulated network or on a real socket, whichever the running loop has."""
        ...


class MakeServer(Protocol):
    """Makes a server."""

    def __call__(
        self,
        *,
        mind: Mapping[str, Persona],
        agent_of: Callable[[str], str],
        recogniser: UtteranceRecogniser,
        transcripts: Mapping[str, str],
        latency: Latency,
        seeds: SeedTree,
        sink_for: SinkFor,
        switches: Switchboard | None = None,
        service: Service | None = None,
    ) -> ProtocolServer:
        """Make a server.

        Args:
            mind: The personas, by name.
            agent_of: The agent that a persona plays.
            recogniser: Knows the utterances.
            transcripts: What it reports as words of an utterance.
            latency: How long it takes.
            seeds: For ids.
            sink_for: Where the events of a connection go.
            switches: Its misbehaviours; none by default.
            service: What it allows.
        """
        ...
