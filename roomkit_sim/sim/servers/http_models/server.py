"""Listens, reads requests of either API, and answers as its mind says."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator
from types import ModuleType
from typing import Any

from roomkit_sim.sim.servers.http_models import gemini_rest, openai_rest
from roomkit_sim.sim.servers.http_models.answers import Api, Mind, ModelAnswer, ModelRefusal, ModelRequest
from roomkit_sim.sim.servers.http_models.http import HttpReply, HttpRequest, read_request

__all__ = ["TASK_NAME", "HttpModelServer"]

TASK_NAME = "http model server"
"""Of every task of a server."""

_APIS: dict[Api, ModuleType] = {"gemini": gemini_rest, "openai": openai_rest}
_GEMINI_PATH = re.compile(r"/+[^/]+/models/(?P<model>[^:?]+):(?P<method>generateContent|streamGenerateContent)")
_OPENAI_PATH = re.compile(r"/(.*/)?chat/completions")


class HttpModelServer:
    """A text model behind Gemini's and OpenAI's HTTP APIs at once.

    Works on real sockets and in a simulated world, where its delays are virtual. A request that the service would
    refuse is refused before the mind sees it.

    Args:
        mind: Decides what is answered.
    """

    def __init__(self, mind: Mind) -> None:
        self.requests: list[ModelRequest] = []
        self.connections = 0
        self.open_connections = 0
        self.idle = asyncio.Event()
        self._mind = mind
        self._handlers: dict[asyncio.Task[Any], None] = {}

    async def serve(self, host: str, port: int, ssl: ssl.SSLContext | None = None) -> asyncio.Server:
        """Listen.

        Args:
            host: Where; in a simulated world a name of its network.
            port: 0 is any free one.
            ssl: For HTTPS on a real socket.
        """
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Connection(self._connected), host, port, ssl=ssl)

    async def close(self) -> None:
        """End the connections that are open."""
        handlers = list(self._handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)

    async def wait_idle(self) -> None:
        """Until no connection is open."""
        while self.open_connections:
            self.idle.clear()
            await self.idle.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(TASK_NAME)
        self._handlers[task] = None
        self.connections += 1
        self.open_connections += 1
        try:
            await self._talk(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.open_connections -= 1
            self._handlers.pop(task)
            writer.close()
            self.idle.set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            answering = asyncio.create_task(self._answer(request, HttpReply(writer)), name=TASK_NAME)
            gone = asyncio.create_task(_gone(writer).wait(), name=TASK_NAME)
            try:
                await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    return
                await answering
            except ConnectionError:
                return
            finally:
                for task in (answering, gone):
                    task.cancel()
                await asyncio.gather(answering, gone, return_exceptions=True)

    async def _answer(self, http: HttpRequest, reply: HttpReply) -> None:
        request = _model_request(http)
        if request is None:
            await reply.whole(404, b'{"error": {"code": 404, "message": "no such address"}}', _JSON)
            return
        self.requests.append(request)
        api = _APIS[request.api]
        answer = api.refuse(request) or self._mind(request)
        await asyncio.sleep(answer.first_ms / 1000)
        if isinstance(answer, ModelRefusal):
            body = json.dumps(api.refusal_body(answer)) if answer.text is None else answer.text
            await reply.whole(answer.status, body.encode(), {**_JSON, **answer.headers})
        elif request.stream:
            await _stream(request, answer, api, reply)
        else:
            await reply.whole(200, json.dumps(api.whole(request, answer)).encode(), _JSON)


_JSON = {"content-type": "application/json"}
_SSE = {"content-type": "text/event-stream"}


class _Connection(asyncio.StreamReaderProtocol):
    """A connection that says when the client hangs up, while nothing is read."""

    def __init__(self, connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        super().__init__(asyncio.StreamReader(), connected)
        self.gone = asyncio.Event()

    def eof_received(self) -> bool:
        self.gone.set()
        super().eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        super().connection_lost(exc)


def _gone(writer: asyncio.StreamWriter) -> asyncio.Event:
    protocol = writer.transport.get_protocol()
    assert isinstance(protocol, _Connection)
    return protocol.gone


def _model_request(http: HttpRequest) -> ModelRequest | None:
    path, _, query = http.target.partition("?")
    gemini = _GEMINI_PATH.fullmatch(path)
    if http.method != "POST" or not (gemini or _OPENAI_PATH.fullmatch(path)):
        return None
    body = json.loads(http.body)
    if gemini:
        streamed = gemini["method"] == "streamGenerateContent" and "alt=sse" in query
        return ModelRequest("gemini", gemini["model"], streamed, body, http.headers)
    return ModelRequest("openai", body["model"], bool(body.get("stream")), body, http.headers)


async def _stream(request: ModelRequest, answer: ModelAnswer, api: ModuleType, reply: HttpReply) -> None:
    await reply.begin(_SSE)
    for number, piece in enumerate(_sliced(_events(request, answer, api), answer.slice_bytes)):
        if number and answer.between_ms:
            await asyncio.sleep(answer.between_ms / 1000)
        if number == answer.cut_after:
            reply.cut()
            return
        await reply.chunk(piece)
    await reply.end()


def _events(request: ModelRequest, answer: ModelAnswer, api: ModuleType) -> Iterator[bytes]:
    """Server-sent events as both services write them; OpenAI's end with a mark, which comes with the last."""
    events = [f"data: {json.dumps(piece, ensure_ascii=False)}\n\n".encode() for piece in api.stream(request, answer)]
    if request.api == "openai":
        events[-1] += b"data: [DONE]\n\n"
    yield from events


def _sliced(pieces: Iterator[bytes], size: int | None) -> Iterator[bytes]:
    if size is None:
        yield from pieces
        return
    whole = b"".join(pieces)
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
