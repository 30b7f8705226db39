"""Whether arguments fit a function's declared schema: the part of JSON schema that function declarations use.

Type names may be those of JSON schema or those of Gemini (``"OBJECT"``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["malformed", "mismatch"]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def malformed(schema: Any, where: str = "schema") -> str | None:
    """Why something is no schema that :func:`mismatch` can check against, or ``None``."""
    if not isinstance(schema, Mapping):
        return f"{where} must be an object"
    kinds = schema.get("type", [])
    if not isinstance(kinds, str) and not _is_list_of(kinds, str):
        return f"{where}.type must be a name or a list of names"
    if not _is_list_of(schema.get("required") or [], str):
        return f"{where}.required must be a list of names"
    if "enum" in schema and not isinstance(schema["enum"], list):
        return f"{where}.enum must be a list"
    properties, options = schema.get("properties") or {}, schema.get("anyOf", [])
    if not isinstance(properties, Mapping):
        return f"{where}.properties must be an object"
    if not isinstance(options, list):
        return f"{where}.anyOf must be a list"
    inner = [(f"{where}.properties.{name}", item) for name, item in properties.items()]
    inner += [(f"{where}.anyOf[{index}]", item) for index, item in enumerate(options)]
    inner += [(f"{where}.items", schema["items"])] if "items" in schema else []
    return next((wrong for place, item in inner if (wrong := malformed(item, place))), None)


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, kind) for item in value)


def mismatch(value: Any, schema: Mapping[str, Any], where: str = "arguments") -> str | None:
    """What is wrong with ``value``, or ``None``."""
    if value is None and schema.get("nullable"):
        return None
    if schema.get("anyOf"):
        wrong = [mismatch(value, option, where) for option in schema["anyOf"]]
        return None if None in wrong else wrong[0]
    kinds = schema.get("type", [])
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    if names and not any(_is_a(value, name.lower()) for name in names):
        return f"{where} must be {' or '.join(name.lower() for name in names)}, not {type(value).__name__}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} must be one of {', '.join(map(str, schema['enum']))}, not {value!r}"
    if isinstance(value, dict):
        return _object_mismatch(value, schema, where)
    if isinstance(value, list | tuple) and "items" in schema:
        wrong = [mismatch(item, schema["items"], f"{where}[{index}]") for index, item in enumerate(value)]
        return next((text for text in wrong if text), None)
    return None


def _is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES.get(name, (object,)))


def _object_mismatch(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> str | None:
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value:
            return f"{where}.{name} is missing"
    for name, item in value.items():
        if name not in properties:
            if properties and schema.get("additionalProperties") is not True:
                return f"{where}.{name} is not declared"
            continue
        wrong = mismatch(item, properties[name], f"{where}.{name}")
        if wrong:
            return wrong
    return None
