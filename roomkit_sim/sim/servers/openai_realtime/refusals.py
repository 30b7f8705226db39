"""What the service says when it does not do what a client asks: an ``error`` event, after which the session goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["Refusal", "invalid_value", "missing", "unknown_parameter", "unsupported_value", "wrong_type"]


class Refusal(Exception):
    """A client event that is not carried out.

    Args:
        message: For people.
        code: For programs.
        param: The path of what is wrong in the event, such as ``session.audio.output.voice``.
    """

    def __init__(self, message: str, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param


def missing(path: str) -> Refusal:
    """A required field is not there."""
    return Refusal(f"Missing required parameter: '{path}'.", "missing_required_parameter", path)


def unknown_parameter(path: str) -> Refusal:
    """A field that the service does not know."""
    return Refusal(f"Unknown parameter: '{path}'.", "unknown_parameter", path)


def wrong_type(path: str, expected: str, value: Any) -> Refusal:
    """A field of another JSON type."""
    got = _article(value)
    return Refusal(f"Invalid type for '{path}': expected {expected}, but got {got} instead.", "invalid_type", path)


def unsupported_value(path: str, value: Any, supported: Iterable[Any]) -> Refusal:
    """A field that has a few values, with another one."""
    values = ", ".join(f"'{item}'" for item in supported)
    return Refusal(f"Invalid value: '{_short(value)}'. Supported values are: {values}.", "invalid_value", path)


def invalid_value(path: str, why: str) -> Refusal:
    """A field whose value cannot be."""
    return Refusal(f"Invalid '{path}': {why}.", "invalid_value", path)


def _article(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string", list: "an array"}
    return names.get(type(value), "an object")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
