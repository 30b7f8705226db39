"""What a turn detector must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from roomkit_sim.voice.base import VoiceSession

__all__ = ["TurnContext", "TurnDecision", "TurnDetector"]


@dataclass(frozen=True)
class TurnContext:
    """What a turn detector judges by.

    Args:
        session: The session.
        text: All that the caller has said in this turn.
        utterances: The same, one entry for each utterance.
    """

    session: VoiceSession
    text: str
    utterances: tuple[str, ...]


@dataclass(frozen=True)
class TurnDecision:
    """What a turn detector thinks.

    Args:
        is_complete: Whether the caller has finished: the agent answers now.
        wait_ms: Otherwise: if the caller says nothing for so long, the turn is complete after all.
        reason: Why, for whoever reads logs.
    """

    is_complete: bool
    wait_ms: float = 1500.0
    reason: str = ""


class TurnDetector(ABC):
    """Tells a pause from the end of a turn. Without one, every utterance is a turn."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for reports."""

    @abstractmethod
    async def evaluate(self, context: TurnContext) -> TurnDecision:
        """Judge what the caller has said so far. If it raises, the turn is taken as complete."""
