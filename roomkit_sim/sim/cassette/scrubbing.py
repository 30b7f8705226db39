"""What is taken out of a recording before it is kept.

Everything passes here on its way into memory that is written, and what a client says in a replay passes here before it
is compared with the recording. So a scrubber must give the same for the same, and leave alone what it gave itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from roomkit_sim.sim.cassette.model import Way
from roomkit_sim.sim.trace.events import Json

__all__ = ["REMOVED", "FieldScrubber", "Scrubber"]

REMOVED = "<removed>"

_SECRET = re.compile(
    r"api[-_]?key|authorization|secret|cookie|password|^(access|auth|bearer|refresh|ephemeral|id)?[-_]?token$|^key$",
    re.IGNORECASE,
)
_HANDLES = ("handle", "newHandle", "new_handle")
_LABEL = re.compile(r"<handle-\d+>")


class Scrubber(Protocol):
    """Takes secrets and persons out. One is used for one cassette."""

    def url(self, path: str) -> str:
        """A path with its query."""
        ...

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of a handshake, names in lower case."""
        ...

    def frame(self, way: Way, message: Json) -> Json:
        """A JSON message; audio is taken out of it already, and is not passed."""
        ...

    def text(self, text: str) -> str:
        """Any other text: a close reason, a message that is no JSON."""
        ...


class FieldScrubber:
    """Knows secrets by the names of their fields, and gives resumption handles labels.

    A handle is a secret that the client must give back. In a replay the client gets the label and gives that back.
    """

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}

    def url(self, path: str) -> str:
        """Values of secret parameters are replaced."""
        parts = urlsplit(_one_slash(path))
        pairs = [
            (name, REMOVED if _SECRET.search(name) else value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        return urlunsplit(("", "", parts.path, urlencode(pairs, safe="<>:/,"), ""))

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Values of secret headers are replaced."""
        return {name: REMOVED if _SECRET.search(name) else value for name, value in headers.items()}

    def frame(self, way: Way, message: Json) -> Json:
        """Values of secret fields are replaced, handles labelled."""
        return self._clean(message)

    def text(self, text: str) -> str:
        """As it is: here a secret has no field."""
        return text

    def _clean(self, value: Json, key: str = "") -> Json:
        if isinstance(value, dict):
            return {name: self._clean(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self._clean(item, key) for item in value]
        if not isinstance(value, str) or not value:
            return value
        if key in _HANDLES:
            return self._label(value)
        return REMOVED if _SECRET.search(key) else value

    def _label(self, handle: str) -> str:
        if _LABEL.fullmatch(handle):
            return handle
        return self._labels.setdefault(handle, f"<handle-{len(self._labels) + 1}>")


def _one_slash(path: str) -> str:
    """google-genai dials ``//ws/...``, which would be read as a host."""
    return "/" + path.lstrip("/")
