"""Reads Gemini Live frames: the SDK mixes camelCase and snake_case in one frame; here all keys are camelCase."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.trace.gemini_fields import CLIENT_FIELDS

__all__ = ["CLIENT_MESSAGES", "KINDS", "functions", "items", "member", "read"]

CLIENT_MESSAGES = frozenset(CLIENT_FIELDS)
KINDS = CLIENT_MESSAGES | {"setupComplete", "serverContent", "sessionResumptionUpdate", "toolCall", "goAway"}

_OPAQUE = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "parameters", "labels"})
"""Keys whose values are the application's own: their keys are left as they are."""


def read(frame: Frame) -> Frame:
    """The frame with its top-level keys as kinds, and camelCase keys."""
    if frame.way in ("dial", "open", "close"):
        return replace(frame, kinds=(frame.way,))
    if not frame.json:
        # Audio: the trace keeps its name only, such as realtime_input.audio.
        return replace(frame, kinds=tuple(dict.fromkeys(_camel(_top(key)) for key in frame.name.split("+"))))
    message = _normal(frame.json)
    return replace(frame, kinds=tuple(message), json=message)


def _top(name: str) -> str:
    return name.partition(".")[0]


@lru_cache(maxsize=512)
def _camel(key: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), key)


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        camel = ((_camel(key), item) for key, item in value.items())
        return {key: item if key in _OPAQUE else _normal(item) for key, item in camel}
    return [_normal(item) for item in value] if isinstance(value, list) else value


def member(container: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where there is none."""
    found: Any = container
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def items(container: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects in a list; empty where there is none."""
    found = container.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def functions(tools: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The function declarations in a list of tools."""
    return [declaration for tool in tools for declaration in items(tool, "functionDeclarations")]
