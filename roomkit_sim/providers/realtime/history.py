"""What was said in a conversation, kept for telling it to a new connection. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["ConversationHistory", "Role", "Turn", "clean_text"]

Role: TypeAlias = Literal["user", "assistant"]

_KEPT_TURNS = 200
_ALLOWED_CONTROLS = "\n\t"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said at one go."""

    role: Role
    text: str


class ConversationHistory:
    """The latest turns, alternating; consecutive utterances of one side are one turn."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Oldest first."""
        return tuple(self._turns)

    def add(self, role: Role, text: str) -> None:
        """Add what was said last."""
        if self._turns and self._turns[-1].role == role:
            self._turns[-1] = Turn(role, f"{self._turns[-1].text} {text}")
        else:
            self._turns.append(Turn(role, text))
            del self._turns[:-_KEPT_TURNS]


def clean_text(text: str) -> str:
    """``text`` without what closes a connection with 1007: control characters and lone surrogates."""
    kept = (char for char in text if char >= " " or char in _ALLOWED_CONTROLS)
    return "".join(kept).replace("\x7f", "").encode("utf-8", "replace").decode("utf-8")
