"""What was said in a conversation, kept for telling it to a new connection. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["ConversationHistory", "Role", "Turn", "clean_text"]

Role: TypeAlias = Literal["user", "assistant"]

_KEPT_TURNS = 200
_KEPT_UTTERANCES = 1_000
_ALLOWED_CONTROLS = "\n\t"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said at one go."""

    role: Role
    text: str


class ConversationHistory:
    """The latest turns, alternating; consecutive utterances of one side are one turn."""

    def __init__(self) -> None:
        self._utterances: list[Turn] = []
        self._forgotten = 0

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Oldest first."""
        return _joined(self._utterances)[-_KEPT_TURNS:]

    @property
    def mark(self) -> int:
        """Where the history is now, for :meth:`since`."""
        return self._forgotten + len(self._utterances)

    def since(self, mark: int) -> tuple[Turn, ...]:
        """What was said after a mark, as far as it is kept."""
        return _joined(self._utterances[max(0, mark - self._forgotten) :])

    def add(self, role: Role, text: str) -> None:
        """Add what was said last."""
        self._utterances.append(Turn(role, text))
        surplus = len(self._utterances) - _KEPT_UTTERANCES
        if surplus > 0:
            del self._utterances[:surplus]
            self._forgotten += surplus


def _joined(utterances: Sequence[Turn]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for said in utterances:
        if turns and turns[-1].role == said.role:
            turns[-1] = Turn(said.role, f"{turns[-1].text} {said.text}")
        else:
            turns.append(said)
    return tuple(turns)


def clean_text(text: str) -> str:
    """``text`` without what closes a connection with 1007: control characters and lone surrogates."""
    kept = (char for char in text if char >= " " or char in _ALLOWED_CONTROLS)
    return "".join(kept).replace("\x7f", "").encode("utf-8", "replace").decode("utf-8")
