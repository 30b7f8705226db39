"""Connections that are not made: what a client meets instead."""

from __future__ import annotations

import asyncio
import errno
import http
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Refusal", "Refusals", "RefusingServer", "refusal_text"]

How: TypeAlias = Literal["dns", "refused"] | int
"""The name is not found, nobody listens, or the HTTP status that answers the upgrade."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a dial meets.

    Args:
        how: In which way it fails.
        happened: Told the number of the connection when it does.
    """

    how: How
    happened: Callable[[int], None]

    def raise_if_unreachable(self, host: str) -> None:
        """Fail as a look-up or as TCP does, if that is meant.

        Raises:
            socket.gaierror: The name is not found.
            ConnectionRefusedError: Nobody listens.
        """
        if self.how == "dns":
            raise socket.gaierror(socket.EAI_AGAIN, f"the name {host!r} was not found (planned)")
        if self.how == "refused":
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nobody listens at {host} (planned)")


class Refusals:
    """The refusals that are planned, by whom they are meant for."""

    def __init__(self) -> None:
        self._planned: dict[str | None, deque[Refusal]] = {}

    def plan(self, owner: str | None, refusal: Refusal) -> None:
        """Let a later dial of ``owner`` meet a refusal; first planned, first met."""
        self._planned.setdefault(owner, deque()).append(refusal)

    def next_for(self, owner: str | None) -> Refusal | None:
        """What a dial of ``owner`` meets, if anything; it is met once."""
        planned = self._planned.get(owner)
        return planned.popleft() if planned else None


def refusal_text(status: int) -> bytes:
    """The HTTP answer of a server, or of what stands before it, that does not upgrade."""
    phrase = http.HTTPStatus(status).phrase
    body = f"{phrase}\n".encode()
    head = f"HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class RefusingServer(asyncio.Protocol):
    """Answers every upgrade with an HTTP status and closes the connection.

    Args:
        status: The status.
    """

    def __init__(self, status: int) -> None:
        self._status = status
        self._asked = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when the request is complete."""
        self._asked += data
        if b"\r\n\r\n" in self._asked and self._transport is not None:
            self._transport.write(refusal_text(self._status))
            self._transport.close()
            self._transport = None
