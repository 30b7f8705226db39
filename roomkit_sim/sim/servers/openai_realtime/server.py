"""The server: takes connections in, and keeps what they share."""

from __future__ import annotations

import http
import json
import ssl as tls
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.scenario.mind import Latency, Persona
from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.servers.contract import SinkFor
from roomkit_sim.sim.servers.framing import in_segments
from roomkit_sim.sim.servers.handshake import switched_refusal
from roomkit_sim.sim.servers.mind import Mind
from roomkit_sim.sim.servers.openai_realtime.server_events import Ids
from roomkit_sim.sim.servers.openai_realtime.session import Session
from roomkit_sim.sim.servers.openai_realtime.session_config import new_session
from roomkit_sim.sim.servers.switchboard import Switchboard
from roomkit_sim.sim.servers.wrongs import Wrongs
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.world.date import seconds_since_1970
from roomkit_sim.sim.world.seeds import SeedTree

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

__all__ = ["HOST", "OpenAIRealtimeServer"]

HOST = "api.openai.com"
"""Where the SDK looks for the service."""

PATH = "/v1/realtime"
LONGEST_SESSION_S = 3600
LARGEST_MESSAGE = 24 * 1024 * 1024
"""Bytes. Room for the most audio that may be appended at once (15 MiB), in base64."""


class OpenAIRealtimeServer:
    """A fake OpenAI Realtime service.

    It acts on what reaches it and on nothing else: audio, items, instructions, voice, tools. Every connection has a
    conversation of its own, which ends with it.

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
        reports_rate_limits: Whether a ``rate_limits.updated`` follows each ``response.created``. Recorded sessions have
            none.
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
        reports_rate_limits: bool = False,
    ) -> None:
        self.mind = Mind(mind, agent_of)
        self.recogniser = recogniser
        self.transcripts = transcripts
        self.latency = latency
        self.switches = switches or Switchboard()
        self.service = service or Service()
        self.struck: dict[str, None] = {}
        """Misbehaviours that strike one connection only, and have struck."""
        self.reports_rate_limits = reports_rate_limits
        self.sessions: list[Session] = []
        self._seeds = seeds
        self._sink_for = sink_for

    async def serve(self, host: str, port: int, ssl: tls.SSLContext | None = None) -> Server:
        """Listen, in the simulated network or on a real socket, whichever the running loop has."""
        from websockets.asyncio.server import serve

        return await serve(
            self._handle,
            host,
            port,
            ssl=ssl,
            compression=None,
            max_size=LARGEST_MESSAGE,
            process_request=self._check_handshake,
        )

    @property
    def longest_session_s(self) -> float:
        """How long a session may last: an hour, unless the scenario says otherwise."""
        service = self.service
        return service.connection_ms / 1000 if "connection_ms" in service.model_fields_set else LONGEST_SESSION_S

    async def _handle(self, socket: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        conn, sink = self._sink_for(socket.remote_address[:2])
        ids = Ids(self._seeds.stream("openai-realtime", "ids", str(conn)))
        expires_at = int(seconds_since_1970() + self.longest_session_s)
        config = new_session(ids.new("sess"), _model_of(socket.request), expires_at)
        session = Session(self, socket, conn, sink, ids=ids, config=config)
        in_segments(socket, session.goes_wrong)
        self.sessions.append(session)
        try:
            await session.run()
        except ConnectionClosed:
            # The client ended the call, or the network did: nothing is left to be said.
            return

    def _check_handshake(self, socket: ServerConnection, request: Request) -> Response | None:
        """Refuse what the service refuses before a WebSocket is made of it."""
        if urlsplit(request.path).path.rstrip("/") != PATH:
            return _refused(socket, http.HTTPStatus.NOT_FOUND, "Invalid URL", None)
        if not request.headers.get("authorization", "").startswith("Bearer "):
            message = "You didn't provide an API key. Use an Authorization header with Bearer auth."
            return _refused(socket, http.HTTPStatus.UNAUTHORIZED, message, None)
        if not _model_of(request):
            return _refused(socket, http.HTTPStatus.BAD_REQUEST, "You must provide a model parameter.", "missing_model")
        if self.service.sessions is not None and sum(s.is_open for s in self.sessions) >= self.service.sessions:
            return _refused(socket, http.HTTPStatus.TOO_MANY_REQUESTS, "Too many concurrent sessions.", "rate_limit")
        refusal = switched_refusal(self._wrongs_before(socket))
        return None if refusal is None else _refused(socket, refusal.status, refusal.text.strip(), None)

    def _wrongs_before(self, socket: ServerConnection) -> Wrongs:
        """Of a connection that is no session yet."""

        def emit(kind: str, **data: Json) -> None:
            conn, sink = self._sink_for(socket.remote_address[:2])
            sink.emit("server", kind, conn=conn, **data)

        return Wrongs(self.switches, emit)


def _model_of(request: Request | None) -> str:
    query = parse_qs(urlsplit(request.path).query) if request is not None else {}
    return query.get("model", [""])[0]


def _refused(socket: ServerConnection, status: http.HTTPStatus, message: str, code: str | None) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    response = socket.respond(status, json.dumps({"error": error}) + "\n")
    # Setting a header adds to those of its name.
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response
