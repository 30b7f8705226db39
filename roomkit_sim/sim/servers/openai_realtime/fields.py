"""Describes JSON objects strictly: which fields there are, of what kind. Pure.

A check takes a value and its path, and gives the value back as the service keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from roomkit_sim.sim.servers.openai_realtime.refusals import (
    invalid_value,
    missing,
    unknown_parameter,
    unsupported_value,
    wrong_type,
)

__all__ = [
    "Check",
    "anything",
    "either",
    "flag",
    "list_of",
    "mapping",
    "number",
    "one_of",
    "optional",
    "record",
    "tagged",
    "text",
    "whole",
]

Check: TypeAlias = Callable[[Any, str], Any]


def text(value: Any, path: str) -> str:
    """A string of whole characters."""
    if not isinstance(value, str):
        raise wrong_type(path, "a string", value)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid_value(path, "string contains a lone surrogate")
    return value


def flag(value: Any, path: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong_type(path, "a boolean", value)
    return value


def mapping(value: Any, path: str) -> Mapping[str, Any]:
    """An object of the application's own."""
    if not isinstance(value, dict):
        raise wrong_type(path, "an object", value)
    return value


def anything(value: Any, path: str) -> Any:
    """Whatever it is."""
    return value


def whole(least: int, most: int | None = None) -> Check:
    """A whole number within bounds."""

    def check(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(path, "an integer", value)
        if value < least or (most is not None and value > most):
            raise invalid_value(path, f"integer out of range ({least} to {'any' if most is None else most})")
        return value

    return check


def number(least: float, most: float) -> Check:
    """A number within bounds."""

    def check(value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(path, "a decimal", value)
        if not least <= value <= most:
            raise invalid_value(path, f"decimal out of range ({least} to {most})")
        return float(value)

    return check


def one_of(*values: Any) -> Check:
    """One of a few values."""

    def check(value: Any, path: str) -> Any:
        # A boolean equals 0 or 1, but is none of them.
        if isinstance(value, bool) or value not in values:
            raise unsupported_value(path, value, values)
        return value

    return check


def optional(inner: Check) -> Check:
    """What may be null."""
    return lambda value, path: None if value is None else inner(value, path)


def either(condition: Callable[[Any], bool], one: Check, other: Check) -> Check:
    """One check where the condition holds, otherwise the other."""
    return lambda value, path: (one if condition(value) else other)(value, path)


def list_of(inner: Check, most: int | None = None) -> Check:
    """A list."""

    def check(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        if most is not None and len(value) > most:
            raise invalid_value(path, f"array too long (at most {most})")
        return [inner(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return check


def record(fields: Mapping[str, Check], required: Sequence[str] = ()) -> Check:
    """An object with these fields and no others; its fields keep the order in which they are described here."""

    def check(value: Any, path: str) -> dict[str, Any]:
        prefix = f"{path}." if path else ""
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        for name in value:
            if name not in fields:
                raise unknown_parameter(f"{prefix}{name}")
        for name in required:
            if name not in value:
                raise missing(f"{prefix}{name}")
        return {name: inner(value[name], f"{prefix}{name}") for name, inner in fields.items() if name in value}

    return check


def tagged(field: str, kinds: Mapping[str, Check]) -> Check:
    """An object of a kind that one of its fields names."""

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        if field not in value:
            raise missing(f"{path}.{field}")
        kind = value[field]
        if not isinstance(kind, str) or kind not in kinds:
            raise unsupported_value(f"{path}.{field}", kind, kinds)
        return kinds[kind](value, path)

    return check
