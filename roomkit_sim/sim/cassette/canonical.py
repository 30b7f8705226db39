"""What two messages must have in common to be the same. Pure.

Ignored: the case style of keys (google-genai mixes two in one message, and the service takes both), fields that mean
nothing, white space in arguments, slashes in front of a path, the API's version in it.
"""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlsplit

from roomkit_sim.sim.trace.events import Json

__all__ = ["USER_DATA", "address", "canonical"]

_UNDERSCORE = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
USER_DATA = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "properties", "metadata"})
"""Below these, keys are the application's own."""

_JSON_TEXT = frozenset({"arguments", "output"})
"""JSON inside of a string: function arguments, and a function's result, in OpenAI's protocol."""

_NUMBERED = re.compile(r"<(?!handle|words)([a-z]+)-\d+>")
_DOTTED_VERSION = re.compile(r"\.v\d\w*(?=\.)")
_SLASHED_VERSION = re.compile(r"/v\d\w*(?=/)")


def canonical(message: Json) -> Json:
    """A message in the form in which messages are compared."""
    return _canonical(message, own_keys=False)


def _canonical(value: Json, *, own_keys: bool) -> Json:
    if isinstance(value, list):
        return [_canonical(item, own_keys=own_keys) for item in value]
    if isinstance(value, str):
        return _unnumbered(value)
    if not isinstance(value, dict):
        return value
    result: dict[str, Json] = {}
    for key, item in value.items():
        name = _unnumbered(key) if own_keys else _camel(key)
        if name in _JSON_TEXT and isinstance(item, str) and not own_keys:
            result[name] = _parsed(item)
        else:
            result[name] = _canonical(item, own_keys=own_keys or name in USER_DATA)
    return result


def _unnumbered(text: str) -> str:
    """Labels of a scrubber without their numbers: these depend on what came before, of which a replay sees a part."""
    return _NUMBERED.sub(r"<\1>", text) if "<" in text else text


def _camel(key: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), key)


def _parsed(text: str) -> Json:
    try:
        parsed: Json = json.loads(text)
    except (ValueError, RecursionError):
        return _unnumbered(text)
    return _canonical(parsed, own_keys=True) if isinstance(parsed, dict | list) else _unnumbered(text)


def address(path: str) -> Json:
    """A path with its query in the form in which they are compared."""
    parts = urlsplit("/" + path.lstrip("/"))
    plain = _SLASHED_VERSION.sub("", _DOTTED_VERSION.sub("", parts.path))
    query: dict[str, Json] = dict(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return canonical({"path": plain, "query": query})
