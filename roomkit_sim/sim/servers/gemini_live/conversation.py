"""What outlives a connection: the conversation, and the handles by which it is found again."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from roomkit_sim.sim.servers.gemini_live.client_frames import Setup, Violation
from roomkit_sim.sim.servers.mind import Uses

__all__ = ["Conversation", "Kept", "ResumptionStore"]


@dataclass
class Conversation:
    """What was said, and which rules of the mind are used up.

    Args:
        model: The model that holds it; it cannot be changed.
        voice: The voice that the model last had in it.
        began_s: When it began, in seconds of the loop's time.
        turns: (who, words) each; who is ``user``, ``model`` or ``tool``.
        uses: See :data:`~roomkit_sim.sim.servers.mind.Uses`.
    """

    model: str
    voice: str = ""
    began_s: float = 0.0
    turns: list[tuple[str, str]] = field(default_factory=list)
    uses: Uses = field(default_factory=dict)

    @property
    def heard(self) -> str:
        """All words of the caller that the model knows of."""
        return " ".join(words for who, words in self.turns if who == "user")


@dataclass(frozen=True)
class Kept:
    """What a handle stands for.

    Args:
        conversation: As it was when the handle was issued.
        is_open: Whether the connection that the handle came from still stands.
    """

    conversation: Conversation
    is_open: Callable[[], bool]


class ResumptionStore:
    """Conversations by handle. A handle stands for the conversation as it was when the handle was issued."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._numbers = itertools.count(1)

    def issue(self, conversation: Conversation, is_open: Callable[[], bool] = lambda: False) -> str:
        """A new handle, for a connection that tells whether it stands."""
        handle = f"handle-{next(self._numbers)}"
        self._kept[handle] = Kept(copy.deepcopy(conversation), is_open)
        return handle

    def forget_all(self) -> None:
        """Let all handles expire."""
        self._kept.clear()

    def find(self, setup: Setup) -> Kept:
        """What the handle of a setup stands for; the conversation is a copy of its own.

        Raises:
            Violation: The handle is not known (any more), or belongs to another model.
        """
        kept = self._kept.get(setup.handle or "")
        if kept is None:
            raise Violation("Invalid session handle", code=1008)
        if kept.conversation.model != setup.model:
            raise Violation("Session handle was issued for another model", code=1007)
        return Kept(copy.deepcopy(kept.conversation), kept.is_open)
