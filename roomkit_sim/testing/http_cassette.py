"""Cassettes of HTTP exchanges that keep their timing, on vcrpy.

vcrpy alone keeps what was said but not when: it plays an answer back at once, and a stream as one piece. Here the time
of every piece is stored with the response and put back on the event loop's clock, so that a simulated world replays an
answer of 800 ms in 800 ms of virtual time and none of its user's.

Give the transport to the SDK's own HTTP client::

    with http_cassette(path) as cassette:
        http = httpx2.AsyncClient(transport=cassette.transport())
        client = openai.AsyncOpenAI(api_key="...", http_client=http)
        # google-genai: genai.Client(api_key="...", http_options=HttpOptions(httpx_async_client=http))

Nothing is sent unless ``record=True`` says so. Needs ``vcrpy`` and ``httpx2``.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx2
import vcr  # type: ignore[import-untyped]
from vcr.errors import CannotOverwriteExistingCassetteException  # type: ignore[import-untyped]
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]

__all__ = ["TIMING_HEADER", "HttpCassette", "http_cassette"]

TIMING_HEADER = "x-recorded-timing"
"""Of a recorded response: the milliseconds until its head, and those until each piece of its body with its bytes."""

KEPT_REQUEST_HEADERS = frozenset({"content-type"})
"""The others hold keys, or versions that change with every release of the SDK and the machine."""

KEPT_RESPONSE_HEADERS = frozenset({"content-type", "content-encoding", "retry-after", "retry-after-ms", TIMING_HEADER})
SECRET_PARAMETERS = frozenset({"key", "access_token"})

_plain_request = httpx2.AsyncHTTPTransport.handle_async_request
_API_VERSION = re.compile(r"^/+v[0-9][^/]*(?=/)")


class HttpCassette:
    """An open cassette.

    Args:
        recording: Whether requests are sent, and their answers kept.
        tape: vcrpy's cassette.
    """

    def __init__(self, recording: bool, tape: Any) -> None:
        self.recording = recording
        self.missing: Exception | None = None
        self._tape = tape

    @property
    def all_played(self) -> bool:
        """Whether every recorded answer was given."""
        return bool(self._tape.all_played)

    def transport(self) -> httpx2.AsyncBaseTransport:
        """What an ``httpx2.AsyncClient`` sends its requests through."""
        return _PacedTransport(self, _TimingTransport() if self.recording else None)


@contextmanager
def http_cassette(path: Path, *, record: bool = False, note: str = "") -> Iterator[HttpCassette]:
    """Play a cassette, or record one.

    Requests are told apart by method, path without the API's version, query without secrets, and JSON body; not by
    host, so that what was recorded from a server on loopback stands for the service at its address.

    Args:
        path: The file, YAML.
        record: Send the requests and write the file anew.
        note: Written as a comment at its top: from what it was recorded.

    Raises:
        AssertionError: While playing: a request was made that is not in the cassette. Raised at the end too, because
            SDKs take it for a network failure.
    """
    if record:
        path.unlink(missing_ok=True)
    recorder = vcr.VCR(
        record_mode="once" if record else "none",
        match_on=["method", "address", "json"],
        serializer="noted",
        before_record_request=_cleaned_request,
        before_record_response=_cleaned_response,
    )
    recorder.register_matcher("address", _same_address)
    recorder.register_matcher("json", _same_json)
    recorder.register_serializer("noted", _NotedYaml(note))
    with recorder.use_cassette(str(path)) as tape:
        cassette = HttpCassette(record, tape)
        try:
            yield cassette
        finally:
            if cassette.missing is not None:
                raise AssertionError(f"a request is not in the cassette {path}: {cassette.missing}")


class _NotedYaml:
    """YAML with a comment at its top."""

    def __init__(self, note: str) -> None:
        self._note = note

    def serialize(self, cassette: Any) -> str:
        comment = "".join(f"# {line}\n" for line in self._note.splitlines())
        return comment + str(yamlserializer.serialize(cassette))

    def deserialize(self, text: str) -> Any:
        return yamlserializer.deserialize(text)


class _PacedTransport(httpx2.AsyncBaseTransport):
    """Above vcrpy: lets the time pass that a played answer took."""

    def __init__(self, cassette: HttpCassette, sender: _TimingTransport | None) -> None:
        self._cassette = cassette
        self._sender = sender
        # vcrpy takes hold of this class's requests; what lies below is hidden from it.
        self._taped = httpx2.MockTransport(self._send)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        began_s = asyncio.get_running_loop().time()
        try:
            response = await self._taped.handle_async_request(request)
        except CannotOverwriteExistingCassetteException as error:
            self._cassette.missing = error
            raise
        timing = json.loads(response.headers.pop(TIMING_HEADER, "null"))
        if timing is None or self._cassette.recording:
            return response
        body = b"".join([part async for part in response.stream])  # type: ignore[union-attr]
        await _until(began_s + timing["head_ms"] / 1000)
        response.stream = _PacedBody(body, timing["pieces"], began_s)
        return response

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        assert self._sender is not None, "a cassette that is played sends nothing"
        return await self._sender.handle_async_request(request)

    async def aclose(self) -> None:
        if self._sender is not None:
            await self._sender.aclose()


class _PacedBody(httpx2.AsyncByteStream):
    """A body whose pieces come when they came."""

    def __init__(self, body: bytes, pieces: list[list[float]], began_s: float) -> None:
        self._body = body
        self._pieces = pieces
        self._began_s = began_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        place = 0
        for after_ms, size in self._pieces:
            await _until(self._began_s + after_ms / 1000)
            yield self._body[place : place + int(size)]
            place += int(size)


class _TimingTransport(httpx2.AsyncHTTPTransport):
    """Below vcrpy: notes when the pieces of an answer come."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        began_s = asyncio.get_running_loop().time()
        response = await _plain_request(self, request)
        response.stream = _TimedBody(response, began_s)
        return response


class _TimedBody(httpx2.AsyncByteStream):
    """A body that notes, in its response's headers, when its pieces came."""

    def __init__(self, response: httpx2.Response, began_s: float) -> None:
        self._response = response
        self._stream: Any = response.stream
        self._began_s = began_s
        self._head_ms = _ms_since(began_s)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = []
        async for part in self._stream:
            pieces.append([_ms_since(self._began_s), len(part)])
            yield part
        self._response.headers[TIMING_HEADER] = json.dumps({"head_ms": self._head_ms, "pieces": pieces})

    async def aclose(self) -> None:
        await self._stream.aclose()


def _ms_since(began_s: float) -> float:
    return round((asyncio.get_running_loop().time() - began_s) * 1000, 3)


async def _until(time_s: float) -> None:
    await asyncio.sleep(max(0.0, time_s - asyncio.get_running_loop().time()))


def _cleaned_request(request: Any) -> Any:
    cleaned = copy.copy(request)
    cleaned.headers = {name: value for name, value in request.headers.items() if name.lower() in KEPT_REQUEST_HEADERS}
    parts = urlsplit(request.uri)
    query = "&".join(f"{name}={value}" for name, value in parse_qsl(parts.query) if name not in SECRET_PARAMETERS)
    cleaned.uri = urlunsplit((parts.scheme, parts.hostname or "", parts.path, query, ""))
    return cleaned


def _cleaned_response(response: dict[str, Any]) -> dict[str, Any]:
    headers = {name: value for name, value in response["headers"].items() if name.lower() in KEPT_RESPONSE_HEADERS}
    return {**response, "headers": headers}


def _same_address(one: Any, other: Any) -> None:
    assert _address(one) == _address(other), f"{_address(one)} != {_address(other)}"


def _address(request: Any) -> tuple[str, str]:
    parts = urlsplit(request.uri)
    return _API_VERSION.sub("", parts.path), parts.query


def _same_json(one: Any, other: Any) -> None:
    assert _json(one) == _json(other), f"{_json(one)} != {_json(other)}"


def _json(request: Any) -> Any:
    return json.loads(request.body) if request.body else None
