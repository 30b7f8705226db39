"""The session's settings that rules ask for, as the client may take them to be."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.sim.checks.protocol.openai.fields import FORMATS
from roomkit_sim.sim.checks.protocol.openai.messages import at, member

__all__ = ["SessionView"]

_DEFAULT: Mapping[str, Any] = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}, "output": {}}}
"""A session that nobody has changed finds the turns itself (recorded)."""


@dataclass(slots=True)
class SessionView:
    """A session: confirmed by the service, with the updates that it has not answered yet on top."""

    confirmed: Mapping[str, Any] = field(default_factory=lambda: _DEFAULT)
    current: Mapping[str, Any] = field(default_factory=lambda: _DEFAULT)
    unanswered: int = 0

    def sent(self, patch: Mapping[str, Any]) -> None:
        """The client asked for a change."""
        self.current = _merged(self.current, patch)
        self.unanswered += 1

    def echoed(self, session: Mapping[str, Any]) -> None:
        """The service sent the whole session, after a change or unasked."""
        self.confirmed = session
        self.unanswered = max(0, self.unanswered - 1)
        if not self.unanswered:
            self.current = session

    def refused(self) -> None:
        """The service did not take a change."""
        self.unanswered = max(0, self.unanswered - 1)
        if not self.unanswered:
            self.current = self.confirmed

    @property
    def detects_turns(self) -> bool:
        """Whether the server finds the turns; a session that does not say so does."""
        return member(self.current, "audio", "input").get("turn_detection", ...) is not None

    @property
    def voice(self) -> Any:
        """The voice; nothing where it is not known."""
        return at(self.current, "audio", "output", "voice")

    @property
    def model(self) -> Any:
        """The model; nothing where it is not known."""
        return at(self.confirmed, "model")

    def bytes_per_s(self, direction: str) -> int:
        """Bytes a second of the ``"input"`` or ``"output"`` format."""
        rate, width = FORMATS.get(str(at(self.current, "audio", direction, "format", "type")), FORMATS["audio/pcm"])
        return rate * width


def _merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """Only what is present in a patch is changed; ``null`` is a value."""
    merged: dict[str, Any] = dict(base)
    for key, value in patch.items():
        old = merged.get(key)
        is_patch = key not in ("turn_detection", "format") and isinstance(value, dict) and isinstance(old, dict)
        merged[key] = _merged(old or {}, value) if is_patch else copy.deepcopy(value)
    return merged
