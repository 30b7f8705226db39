"""A turn detector for tests."""

from __future__ import annotations

from collections.abc import Sequence

from roomkit_sim.voice.pipeline.turn.base import TurnContext, TurnDecision, TurnDetector

__all__ = ["MockTurnDetector"]


class MockTurnDetector(TurnDetector):
    """Scripted decisions.

    Args:
        decisions: In order; complete when they are used up.

    Attributes:
        contexts: What it was asked, in order.
    """

    __test__ = False

    def __init__(self, decisions: Sequence[TurnDecision] = ()) -> None:
        self._decisions = list(decisions)
        self.contexts: list[TurnContext] = []

    @property
    def name(self) -> str:
        """``"mock"``."""
        return "mock"

    async def evaluate(self, context: TurnContext) -> TurnDecision:
        """The next decision."""
        self.contexts.append(context)
        return self._decisions.pop(0) if self._decisions else TurnDecision(is_complete=True)
