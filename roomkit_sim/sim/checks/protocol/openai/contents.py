"""Rules about events and items: they exist, and have the fields and contents that they may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.openai.fields import (
    BETA_FIELDS,
    CONTENT_TYPES,
    EVENTS,
    ITEMS,
    RESPONSE,
    SESSIONS,
    Fields,
)
from roomkit_sim.sim.checks.protocol.openai.messages import member
from roomkit_sim.sim.checks.protocol.openai.state import OpenAIConnection

__all__ = ["unknown_event", "unknown_field", "wrong_content"]


def unknown_event(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """An event is one that a client may send."""
    if frame.name != "unreadable" and frame.name not in EVENTS:
        yield f"no client event has the type {frame.name!a}"


def unknown_field(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """Events, sessions, responses and items have no fields but their own."""
    session, response, item = (member(frame.json, part) for part in ("session", "response", "item"))
    parts: list[tuple[str, Mapping[str, Any], Fields | None]] = [
        (frame.name, frame.json, EVENTS.get(frame.name)),
        ("session", session, SESSIONS.get(str(session.get("type", "realtime")))),
        ("response", response, RESPONSE),
        ("item", item, ITEMS.get(str(item.get("type")))),
    ]
    for name, value, fields in parts:
        yield from (f"{where} is unknown" for where in _unknown(name, value, fields))


def _unknown(name: str, value: Mapping[str, Any], fields: Fields | None) -> Iterator[str]:
    if fields is None:
        return
    for key, inner in value.items():
        if key not in fields:
            # What stood there before GA has a rule of its own.
            if name not in ("session", "response") or key not in BETA_FIELDS:
                yield ascii(f"{name}.{key}")
        elif isinstance(inner, dict):
            yield from _unknown(f"{name}.{key}", inner, fields[key])


def wrong_content(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """The content of an item fits its role."""
    item = member(frame.json, "item")
    if item.get("type") != "message":
        return
    role, content = str(item.get("role")), item.get("content")
    allowed = CONTENT_TYPES.get(role)
    if allowed is None:
        yield f"an item with the role {role!a}"
    elif not isinstance(content, list) or not content:
        yield f"an item of the {role} without content"
    else:
        types = [str(part.get("type") if isinstance(part, dict) else part) for part in content]
        yield from (f"{kind!a} in an item of the {role}" for kind in types if kind not in allowed)
