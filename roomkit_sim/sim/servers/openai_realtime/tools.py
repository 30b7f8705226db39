"""Checks the functions that a session declares, as strictly as the service does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from roomkit_sim.sim.servers.openai_realtime.fields import list_of, record, tagged, text
from roomkit_sim.sim.servers.openai_realtime.refusals import Refusal, invalid_value, wrong_type
from roomkit_sim.sim.servers.schema import malformed

__all__ = ["functions_of", "tool_choice", "tools"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


def _name(value: Any, path: str) -> str:
    if not _NAME.fullmatch(text(value, path)):
        raise invalid_value(path, "string does not match pattern '^[a-zA-Z0-9_-]{1,64}$'")
    return str(value)


def _parameters(value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)
    return value


_TOOL = tagged(
    "type",
    {
        "function": record(
            {"type": text, "name": _name, "description": text, "parameters": _parameters}, required=("name",)
        )
    },
)


def tools(value: Any, path: str) -> list[dict[str, Any]]:
    """The tools of a session or a response. This server plays no MCP servers.

    Raises:
        Refusal: A tool is no function, has a field that functions do not have, or a schema that is none, or two have
            one name.
    """
    checked: list[dict[str, Any]] = list_of(_TOOL)(value, path)
    names: list[str] = []
    for index, tool in enumerate(checked):
        if tool["name"] in names:
            raise invalid_value(f"{path}[{index}].name", f"there are two tools called {tool['name']!r}")
        names.append(tool["name"])
        _check_schema(tool, f"{path}[{index}].parameters")
    return checked


def _check_schema(tool: Mapping[str, Any], path: str) -> None:
    schema = tool.get("parameters")
    if schema is None:
        return
    wrong = malformed(schema) or next(_wrong_types(schema), None)
    if wrong is None and schema.get("type") != "object":
        wrong = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'"
    if wrong is not None:
        raise Refusal(f"Invalid schema for function '{tool['name']}': {wrong}.", "invalid_function_parameters", path)


def _wrong_types(schema: Mapping[str, Any], where: str = "schema") -> Iterator[str]:
    """Types that JSON schema does not have, such as Gemini's ``OBJECT``."""
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind not in _TYPES:
            yield f"{where}.type: '{kind}' is not valid under any of the given schemas"
    for name, inner in (schema.get("properties") or {}).items():
        yield from _wrong_types(inner, f"{where}.properties.{name}")
    for index, inner in enumerate(schema.get("anyOf", [])):
        yield from _wrong_types(inner, f"{where}.anyOf[{index}]")
    if "items" in schema:
        yield from _wrong_types(schema["items"], f"{where}.items")


_FORCED = record({"type": text, "name": _name}, required=("type", "name"))


def tool_choice(value: Any, path: str) -> Any:
    """``auto``, ``none``, ``required`` or one function."""
    if isinstance(value, str):
        if value not in ("auto", "none", "required"):
            raise invalid_value(path, "use 'none', 'auto', 'required' or a function")
        return value
    return _FORCED(value, path)


def functions_of(declared: list[dict[str, Any]], choice: Any) -> Mapping[str, Mapping[str, Any]]:
    """Function name to the schema of its arguments, for what a model may call."""
    if choice == "none":
        return {}
    return {tool["name"]: tool.get("parameters") or {} for tool in declared}
