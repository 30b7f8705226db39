"""Cassettes of HTTP exchanges that keep their timing, on vcrpy.

vcrpy alone keeps what was said but not when: it plays an answer back at once, and a stream as one piece. Here the time
of every piece is stored with the response and put back on the event loop's clock, so that a simulated world replays an
answer of 800 ms in 800 ms of virtual time and none of its user's.

Give the transport to the SDK's own HTTP client::

    with http_cassette(path) as cassette:
        http = httpx2.AsyncClient(transport=cassette.transport())
        client = openai.AsyncOpenAI(api_key="...", http_client=http)
        # google-genai: genai.Client(api_key="...", http_options=HttpOptions(httpx_async_client=http))

Nothing is sent unless the record mode says so. Needs ``vcrpy`` and ``httpx2``.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import vcr  # type: ignore[import-untyped]
from vcr.errors import CannotOverwriteExistingCassetteException  # type: ignore[import-untyped]
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.canonical import canonical
from roomkit_sim.sim.cassette.modes import RecordMode
from roomkit_sim.sim.cassette.rules import Rules, nearest_rules
from roomkit_sim.sim.cassette.scanning import scan_file
from roomkit_sim.sim.cassette.scrubbing import SecretScrubber
from roomkit_sim.testing.http_scrubbing import clean_body, clean_uri, moved, plain_body

__all__ = ["TIMING_HEADER", "HttpCassette", "http_cassette"]

TIMING_HEADER = "x-recorded-timing"
"""Of a recorded response: the milliseconds until its head, and those until each piece of its body with its bytes."""

KEPT_REQUEST_HEADERS = frozenset({"content-type"})
"""The others hold keys, or versions that change with every release of the SDK and the machine."""

KEPT_RESPONSE_HEADERS = frozenset({"content-type", "retry-after", "retry-after-ms", TIMING_HEADER})
_SENT = "roomkit_sim_sent"

_plain_request = httpx2.AsyncHTTPTransport.handle_async_request
_API_VERSION = re.compile(r"^/+v[0-9][^/]*(?=/)")


class HttpCassette:
    """An open cassette.

    Args:
        can_record: Whether requests may be sent, and their answers kept.
        tape: vcrpy's cassette.
    """

    def __init__(self, can_record: bool, tape: Any) -> None:
        self.can_record = can_record
        self.missing: Exception | None = None
        self._tape = tape

    @property
    def all_played(self) -> bool:
        """Whether every recorded answer was given."""
        return bool(self._tape.all_played)

    def transport(self) -> httpx2.AsyncBaseTransport:
        """What an ``httpx2.AsyncClient`` sends its requests through."""
        return _PacedTransport(self, _TimingTransport() if self.can_record else None)


@contextmanager
def http_cassette(
    path: Path, *, mode: RecordMode = "none", note: str = "", rules: Rules | None = None
) -> Iterator[HttpCassette]:
    """Play a cassette, or record one.

    Requests are told apart by method, path without the API's version, query without secrets, and JSON body; not by
    host, so that what was recorded from a server on loopback stands for the service at its address.

    What is recorded appears at the end, whole, scrubbed and scanned; when the block fails, what was there stays.

    Args:
        path: The file, YAML.
        mode: As in vcrpy. ``none``: nothing is sent. ``once``: record when there is no file. ``new_episodes``: send and
            add what is not in it. ``all``: record anew.
        note: Written as a comment at its top: from what it was recorded.
        rules: What is scrubbed; those of the nearest ``scrubbing.toml`` and of the environment by default.

    Raises:
        AssertionError: A request was made that is not in the cassette, and must not be sent. Raised at the end too,
            because SDKs take it for a network failure.
        CassetteError: There is no such file to play, or what was recorded has secrets and is not written.
    """
    can_record = mode in ("all", "new_episodes") or (mode == "once" and not path.exists())
    if not can_record and not path.is_file():
        raise CassetteError("there is no such cassette, and record mode 'none' makes none: record it", path=path)
    known = rules or nearest_rules(path.parent, os.environ)
    part = path.with_name(f".{path.name}.part") if can_record else path
    if can_record:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        if mode == "new_episodes" and path.is_file():
            part.write_bytes(path.read_bytes())
    try:
        with _recorder(known, note).use_cassette(
            str(part), record_mode="new_episodes" if can_record else "none"
        ) as tape:
            cassette = HttpCassette(can_record, tape)
            try:
                yield cassette
            finally:
                if cassette.missing is not None:
                    raise AssertionError(f"a request is not in the cassette {path}: {cassette.missing}")
        if can_record and part.is_file():
            _refuse_leaks(part, path, known)
            part.replace(path)
    finally:
        if can_record:
            part.unlink(missing_ok=True)


def _recorder(rules: Rules, note: str) -> Any:
    cleaner = _Cleaner(SecretScrubber(rules))
    recorder = vcr.VCR(
        match_on=["method", "address", "json"],
        serializer="noted",
        before_record_request=cleaner.request,
        before_record_response=cleaner.response,
    )
    recorder.register_matcher("address", _same_address)
    recorder.register_matcher("json", _same_json)
    recorder.register_serializer("noted", _NotedYaml(note))
    return recorder


def _refuse_leaks(part: Path, path: Path, rules: Rules) -> None:
    leaks = scan_file(part, rules)
    if leaks:
        shown = "".join(f"\n  line {leak.line}: {leak.kind}" for leak in leaks)
        raise CassetteError(f"is not written, because secrets or persons would be in it:{shown}", path=path)


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
        if timing is None or _SENT in request.extensions:
            return response
        body = b"".join([part async for part in response.stream])  # type: ignore[union-attr]
        await _until(began_s + timing["head_ms"] / 1000)
        response.stream = _PacedBody(body, timing["pieces"], began_s)
        return response

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        assert self._sender is not None, "a cassette that is played sends nothing"
        request.extensions[_SENT] = True
        # What is compressed could not be scrubbed piece by piece.
        request.headers["accept-encoding"] = "identity"
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


class _Cleaner:
    """What vcrpy asks before it keeps anything, and again when it reads what was kept."""

    def __init__(self, scrubber: SecretScrubber) -> None:
        self._scrubber = scrubber

    def request(self, request: Any) -> Any:
        """A request without secrets. A copy: the one that is sent keeps them."""
        cleaned = copy.copy(request)
        kept = {name: value for name, value in request.headers.items() if name.lower() in KEPT_REQUEST_HEADERS}
        cleaned.headers = self._scrubber.headers(kept)
        cleaned.uri = clean_uri(self._scrubber, request.uri)
        if request.body:
            body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
            cleaned.body = clean_body(self._scrubber, body)[0]
        return cleaned

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """A response without secrets, with the times of its pieces."""
        headers = {name.lower(): values for name, values in response["headers"].items()}
        text = response["body"]["string"]
        raw = text.encode() if isinstance(text, str) else text
        body = plain_body(raw, ",".join(headers.get("content-encoding", ())))
        cleaned, places = clean_body(self._scrubber, body)
        kept = {name: values for name, values in headers.items() if name in KEPT_RESPONSE_HEADERS}
        if TIMING_HEADER in kept:
            timing = json.loads(kept[TIMING_HEADER][0])
            times, sizes = [piece[0] for piece in timing["pieces"]], [int(piece[1]) for piece in timing["pieces"]]
            if len(body) != len(raw):
                # It was compressed: which piece had what is not known any more, so all comes with the last.
                times, sizes = times[-1:], [len(body)]
            pieces = [list(piece) for piece in zip(times, moved(sizes, places), strict=True)]
            kept[TIMING_HEADER] = [json.dumps({**timing, "pieces": pieces})]
        return {**response, "headers": kept, "body": {**response["body"], "string": cleaned}}


def _same_address(one: Any, other: Any) -> None:
    assert _address(one) == _address(other), f"{_address(one)} != {_address(other)}"


def _address(request: Any) -> tuple[str, str]:
    parts = urlsplit(request.uri)
    return _API_VERSION.sub("", parts.path), str(canonical(parts.query))


def _same_json(one: Any, other: Any) -> None:
    assert _json(one) == _json(other), f"{_json(one)} != {_json(other)}"


def _json(request: Any) -> Any:
    return canonical({"metadata": json.loads(request.body)}) if request.body else None
