"""What libraries may ask of the socket under a simulated connection."""

from __future__ import annotations

import functools
import os
import socket
from typing import Any

__all__ = ["FakeSocket"]


@functools.cache
def _quiet_descriptor() -> int:
    """A descriptor that is never readable: httpcore polls it to see whether an idle connection was closed."""
    return os.pipe()[0]


class FakeSocket:
    """Addresses and options of a connection; carries no data.

    Args:
        local: This end.
        peer: The other end, if there is one.
    """

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, local: tuple[str, int], peer: tuple[str, int] | None = None) -> None:
        self._local = local
        self._peer = peer

    def getsockname(self) -> tuple[str, int]:
        """This end."""
        return self._local

    def getpeername(self) -> tuple[str, int] | None:
        """The other end."""
        return self._peer

    def setsockopt(self, *arguments: Any) -> None:
        """Options have no effect."""

    def getsockopt(self, *arguments: Any) -> int:
        """Every option is 0."""
        return 0

    def fileno(self) -> int:
        """A real descriptor on which nothing ever happens."""
        return _quiet_descriptor()

    def shutdown(self, how: int) -> None:
        """Has no effect."""

    def close(self) -> None:
        """Has no effect."""
