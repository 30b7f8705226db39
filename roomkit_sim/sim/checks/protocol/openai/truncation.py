"""Rules about ``conversation.item.truncate``: the client says how much of an answer was played."""

from __future__ import annotations

from collections.abc import Iterator

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.openai.state import Item, OpenAIConnection

__all__ = ["beyond_the_end", "not_spoken", "truncated_twice", "unknown_item"]

TOLERANCE_MS = 1


def _item(connection: OpenAIConnection, frame: Frame) -> tuple[str, Item | None, int]:
    item_id, end_ms = str(frame.json.get("item_id")), frame.json.get("audio_end_ms")
    return item_id, connection.items.get(item_id), end_ms if isinstance(end_ms, int) else 0


def unknown_item(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """What is truncated is in the conversation."""
    item_id, item, _ = _item(connection, frame)
    if item is None:
        yield f"{item_id!r} is not in the conversation of this connection"


def not_spoken(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """What is truncated is a spoken answer."""
    item_id, item, _ = _item(connection, frame)
    if item is not None and not item.has_audio:
        yield f"{item_id!r} is {'an answer without audio' if item.is_answer else 'no answer of the model'}"


def beyond_the_end(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """What the trace knows of the length is an upper bound, so that this never judges too hard."""
    item_id, item, end_ms = _item(connection, frame)
    if item is None or not item.has_audio:
        return
    received_ms = item.audio_bytes * 1000 // connection.session.bytes_per_s("output")
    if item.truncated_ms is not None and end_ms > item.truncated_ms:
        yield f"{item_id!r} is cut at {end_ms} ms, after it was cut at {item.truncated_ms} ms"
    elif end_ms > received_ms + TOLERANCE_MS:
        yield f"{item_id!r} is cut at {end_ms} ms, and {received_ms} ms at most were received"


def truncated_twice(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """An answer is truncated once."""
    item_id, item, end_ms = _item(connection, frame)
    if item is not None and item.truncated_ms is not None and end_ms <= item.truncated_ms:
        yield f"{item_id!r} is cut again"
