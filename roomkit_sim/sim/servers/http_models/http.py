"""As much of HTTP/1.1 (RFC 9112) as the SDKs need: requests with a length, replies with a length or in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HttpReply", "HttpRequest", "read_request"]

MAX_BODY_BYTES = 64_000_000


@dataclass(frozen=True)
class HttpRequest:
    """A request.

    Args:
        method: Such as ``"POST"``.
        target: Path and query.
        headers: Names in lower case.
        body: The body.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    """The next request of a connection; ``None`` when the client has closed it.

    Raises:
        ValueError: What came is no request that is understood here.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", "0"))
    if "transfer-encoding" in headers or length > MAX_BODY_BYTES:
        raise ValueError("requests need a content-length here")
    try:
        return HttpRequest(method, target, headers, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


class HttpReply:
    """The reply to one request.

    Args:
        writer: Where it goes.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a reply at once."""
        self._head(status, {**headers, "content-length": str(len(body))})
        self._writer.write(body)
        await self._writer.drain()

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Send the head of a reply whose body comes in chunks."""
        self._head(200, {**headers, "transfer-encoding": "chunked"})
        await self._writer.drain()

    async def chunk(self, data: bytes) -> None:
        """Send a chunk of the body, in one piece."""
        self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self._writer.drain()

    async def end(self) -> None:
        """End the body."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def cut(self) -> None:
        """Drop the connection in the middle."""
        self._writer.transport.abort()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Status')}", *(f"{k}: {v}" for k, v in headers.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
