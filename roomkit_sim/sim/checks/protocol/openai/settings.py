"""Rules about sessions: their shape, and what cannot be changed any more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.openai.fields import BETA_FIELDS, FORMATS, SESSIONS, TOOL
from roomkit_sim.sim.checks.protocol.openai.messages import at, member
from roomkit_sim.sim.checks.protocol.openai.state import OpenAIConnection

__all__ = ["bad_tools", "beta_header", "beta_shape", "no_type", "other_model", "unknown_format", "voice_change"]

FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def no_type(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """A session says of what type it is."""
    kind = at(frame.json, "session", "type")
    if str(kind) not in SESSIONS:
        yield f"session.type is {kind!a}"


def beta_shape(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """Settings stand where GA has them."""
    for part in ("session", "response"):
        for key in member(frame.json, part):
            if key in BETA_FIELDS:
                yield f"{part}.{key}, which stood there before GA"


def beta_header(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """The handshake does not ask for the beta."""
    asked = frame.data.get("beta")
    if asked:
        yield f"the handshake has the header OpenAI-Beta: {asked}"


def voice_change(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """The voice stays once the model has spoken."""
    old = connection.session.voice
    for part in ("session", "response"):
        new = at(frame.json, part, "audio", "output", "voice")
        has_spoken = connection.audio_ns is not None and connection.knew(connection.audio_ns, frame)
        if None not in (old, new) and new != old and has_spoken:
            yield f"the voice is changed from {old!r} to {new!r} after the model has spoken"


def other_model(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """The model stays."""
    old, new = connection.session.model, at(frame.json, "session", "model")
    if None not in (old, new) and new != old:
        yield f"the model is changed from {old!r} to {new!r}"


def _tools(frame: Frame) -> Iterator[Mapping[str, Any]]:
    for part in ("session", "response"):
        tools = at(frame.json, part, "tools")
        yield from (tool if isinstance(tool, dict) else {} for tool in (tools if isinstance(tools, list) else []))


def bad_tools(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """Tools are flat function tools, each with a name of its own."""
    functions = [tool for tool in _tools(frame) if tool.get("type") != "mcp"]
    names = Counter(str(tool.get("name")) for tool in functions)
    for tool in functions:
        name = str(tool.get("name"))
        extra = [key for key in tool if key not in TOOL]
        if tool.get("type") != "function":
            yield f"the tool {name!a} has the type {tool.get('type')!a}"
        elif extra:
            yield f"the tool {name!a} has the field {extra[0]!a}"
        elif not FUNCTION_NAME.fullmatch(name):
            yield f"a tool named {name!a}"
        elif names[name] > 1:
            yield f"{names[name]} tools named {name!r}"


def unknown_format(connection: OpenAIConnection, frame: Frame) -> Iterator[str]:
    """Audio formats are those that the service takes."""
    for path in (("session", "audio", "input"), ("session", "audio", "output"), ("response", "audio", "output")):
        wanted = at(frame.json, *path, "format")
        if wanted is None:
            continue
        kind = str(wanted.get("type") if isinstance(wanted, dict) else wanted)
        rate = wanted.get("rate") if isinstance(wanted, dict) else None
        if kind not in FORMATS or rate not in (None, FORMATS[kind][0]):
            yield f"{'.'.join(path)}.format is {wanted!a}"
