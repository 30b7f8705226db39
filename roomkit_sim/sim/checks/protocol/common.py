"""Rules that hold on every realtime wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.rules import Rule

__all__ = ["COMMON_RULES", "strings"]


def unreadable(connection: object, frame: Frame) -> Iterator[str]:
    """A frame is a JSON object."""
    if frame.name == "unreadable":
        yield "the frame is no JSON object"


def after_close(connection: object, frame: Frame) -> Iterator[str]:
    """A client that has sent a close frame is silent."""
    if frame.data.get("after_close"):
        yield "sent after the client's own close frame"


def lone_surrogates(connection: object, frame: Frame) -> Iterator[str]:
    """Text is valid Unicode."""
    for text in strings(frame.json):
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            yield f"half a surrogate pair in {text[:40]!a}"


def strings(value: Any) -> Iterator[str]:
    """Every string in a message."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


COMMON_RULES: tuple[Rule[Any], ...] = (
    Rule("WIRE001", (), unreadable, "one JSON object a frame"),
    Rule("WIRE002", (), after_close, "nothing after the close frame"),
    Rule("WIRE003", (), lone_surrogates, "text that is valid Unicode"),
)
