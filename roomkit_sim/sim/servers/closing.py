"""How a server closes a connection."""

from __future__ import annotations

__all__ = ["GOING_AWAY", "INTERNAL_ERROR", "as_close_reason"]

GOING_AWAY = 1001
INTERNAL_ERROR = 1011
LONGEST_REASON = 123
"""Bytes of a close frame's reason (RFC 6455, 5.5)."""


def as_close_reason(text: str) -> str:
    """A text cut to what a close frame can carry."""
    return text.encode("utf-8", "replace")[:LONGEST_REASON].decode("utf-8", "ignore")
