"""What outlives a connection: the conversation, and the handles by which it is found again."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field

from roomkit_sim.sim.servers.gemini_live.client_frames import Setup, Violation
from roomkit_sim.sim.servers.mind import Uses

__all__ = ["Conversation", "ResumptionStore"]


@dataclass
class Conversation:
    """What was said, and which rules of the mind are used up.

    Args:
        model: The model that holds it; it cannot be changed.
        turns: (who, words) each; who is ``user``, ``model`` or ``tool``.
        uses: See :data:`~roomkit_sim.sim.servers.mind.Uses`.
    """

    model: str
    turns: list[tuple[str, str]] = field(default_factory=list)
    uses: Uses = field(default_factory=dict)


class ResumptionStore:
    """Conversations by handle. A handle stands for the conversation as it was when the handle was issued."""

    def __init__(self) -> None:
        self._kept: dict[str, Conversation] = {}
        self._numbers = itertools.count(1)

    def issue(self, conversation: Conversation) -> str:
        """A new handle."""
        handle = f"handle-{next(self._numbers)}"
        self._kept[handle] = copy.deepcopy(conversation)
        return handle

    def forget_all(self) -> None:
        """Let all handles expire."""
        self._kept.clear()

    def resume(self, setup: Setup) -> Conversation:
        """The conversation that a setup asks for, or a new one.

        Raises:
            Violation: The handle is not known (any more), or belongs to another model.
        """
        if setup.handle is None:
            return Conversation(setup.model)
        kept = self._kept.get(setup.handle)
        if kept is None:
            raise Violation("Invalid session handle", code=1008)
        if kept.model != setup.model:
            raise Violation("Session handle was issued for another model", code=1007)
        return copy.deepcopy(kept)
