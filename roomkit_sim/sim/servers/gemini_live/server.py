"""The server: takes connections in, and keeps what they share."""

from __future__ import annotations

import http
import ssl as tls
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.scenario.mind import Latency, Persona
from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.servers.contract import SinkFor
from roomkit_sim.sim.servers.framing import in_segments
from roomkit_sim.sim.servers.gemini_live.conversation import ResumptionStore
from roomkit_sim.sim.servers.gemini_live.session import Session
from roomkit_sim.sim.servers.handshake import switched_refusal
from roomkit_sim.sim.servers.mind import Mind
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.servers.wrongs import GoesWrong, Wrongs
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.world.seeds import SeedTree

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

__all__ = ["HOST", "GeminiLiveServer"]

HOST = "generativelanguage.googleapis.com"
"""Where the SDK looks for the service."""

SERVICE = "GenerativeService.BidiGenerateContent"


class GeminiLiveServer:
    """A fake Gemini Live service.

    It acts on what reaches it and on nothing else: audio, instructions, voice, tools.

    Args:
        mind: The personas.
        agent_of: The agent that a persona plays.
        recogniser: Knows the utterances.
        transcripts: What it reports as words of an utterance.
        latency: How long it takes.
        seeds: For ids.
        sink_for: Where the events of a connection go.
        switches: Its misbehaviours; none by default.
        service: What it allows.
    """

    host = HOST

    def __init__(
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
    ) -> None:
        self.mind = Mind(mind, agent_of)
        self.recogniser = recogniser
        self.transcripts = transcripts
        self.latency = latency
        self.handles = ResumptionStore()
        self.sessions: list[Session] = []
        self.switches = switches or Switchboard()
        self.service = service or Service()
        self.struck: dict[str, None] = {}
        """Misbehaviours that strike one connection only, and have struck."""
        self._sink_for = sink_for
        self._ids = seeds.stream("gemini-live", "call-ids")

    async def serve(self, host: str, port: int, ssl: tls.SSLContext | None = None) -> Server:
        """Listen, in the simulated network or on a real socket, whichever the running loop has."""
        from websockets.asyncio.server import serve

        return await serve(
            self._handle,
            host,
            port,
            ssl=ssl,
            compression=None,
            max_size=None,
            process_request=self._check_handshake,
        )

    def new_call_id(self) -> str:
        """An id as the service makes them: 19 digits."""
        return f"function-call-{self._ids.randrange(10**18, 10**19)}"

    @property
    def is_full(self) -> bool:
        """Whether as many connections are set up as the service allows."""
        limit = self.service.sessions
        return limit is not None and sum(session.is_set_up for session in self.sessions) >= limit

    async def _handle(self, socket: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        conn, sink = self._sink_for(socket.remote_address[:2])
        session = Session(self, socket, conn, sink)
        in_segments(socket, session.goes_wrong)
        self.sessions.append(session)
        try:
            await session.run()
        except ConnectionClosed:
            # The client ended the call, or the network did: nothing is left to be said.
            return

    def _check_handshake(self, socket: ServerConnection, request: Request) -> Response | None:
        """Refuse what the service refuses before a WebSocket is made of it.

        The SDK dials a path with two slashes in front, and its API version changes from release to release.
        """
        if SERVICE not in request.path:
            return socket.respond(http.HTTPStatus.NOT_FOUND, "no such service\n")
        if not _has_credentials(request.headers):
            return socket.respond(http.HTTPStatus.FORBIDDEN, "Method doesn't allow unregistered callers\n")
        refusal = switched_refusal(self._wrongs_before(socket))
        return None if refusal is None else socket.respond(refusal.status, refusal.text)

    def _wrongs_before(self, socket: ServerConnection) -> GoesWrong:
        """Of a connection that is no session yet."""

        def emit(kind: str, **data: Json) -> None:
            conn, sink = self._sink_for(socket.remote_address[:2])
            sink.emit("server", kind, conn=conn, **data)

        return Wrongs(self.switches, emit)


def _has_credentials(headers: Any) -> bool:
    return bool(headers.get("x-goog-api-key") or headers.get("authorization"))
