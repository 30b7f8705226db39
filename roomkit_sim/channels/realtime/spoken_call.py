"""Tool calls that a model pronounces instead of making them: ``call:transfer{"to": "advisor"}``. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SpokenCall", "spoken_call"]

_CALL = re.compile(
    r"^\W*(?:tool_)?call\s*:\s*(?:default_api[.:])?(?P<name>[\w.-]+)\s*(?P<arguments>\{.*\})\W*$", re.DOTALL
)
_STRING_OR_BARE_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<key>[A-Za-z_]\w*)(?=\s*:)', re.DOTALL)


@dataclass(frozen=True)
class SpokenCall:
    """A call that was pronounced.

    Args:
        name: The tool.
        arguments: What could be read of them; ``None`` where they cannot be read.
    """

    name: str
    arguments: dict[str, Any] | None


def spoken_call(text: str, tools: Iterable[Mapping[str, Any]]) -> SpokenCall | None:
    """The call that an utterance of a model is, if it is nothing else and the session has such a tool.

    Args:
        text: The whole utterance, as transcribed.
        tools: The tools of the session.
    """
    found = _CALL.match(text)
    if found is None or found["name"] not in [tool.get("name") for tool in tools]:
        return None
    return SpokenCall(found["name"], _arguments(found["arguments"]))


def _arguments(text: str) -> dict[str, Any] | None:
    # Models also write it as in JavaScript, with keys that stand without quotes.
    for candidate in (text, _STRING_OR_BARE_KEY.sub(_quoted, text)):
        try:
            arguments = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(arguments, dict):
            return arguments
    return None


def _quoted(found: re.Match[str]) -> str:
    return found[0] if found["key"] is None else f'"{found["key"]}"'
