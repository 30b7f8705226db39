"""When a caller who speaks stops the agent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["InterruptionConfig", "InterruptionStrategy"]


class InterruptionStrategy(StrEnum):
    """What it takes to stop the agent: any speech, speech of some length, or nothing does."""

    IMMEDIATE = "immediate"
    CONFIRMED = "confirmed"
    DISABLED = "disabled"


@dataclass(frozen=True)
class InterruptionConfig:
    """When a caller's speech is a barge-in.

    Args:
        strategy: What it takes.
        min_speech_ms: With ``CONFIRMED``: so much speech, pauses included.
        min_played_ms: Before so much of the agent's speech has been played it is not stopped; speech that goes on until
            then stops it.
    """

    strategy: InterruptionStrategy = InterruptionStrategy.IMMEDIATE
    min_speech_ms: float = 300.0
    min_played_ms: float = 200.0

    def interrupts(self, *, speech_ms: float, played_ms: float) -> bool:
        """Whether a caller who has been speaking for ``speech_ms`` stops what has been played for ``played_ms``."""
        if self.strategy is InterruptionStrategy.DISABLED or played_ms < self.min_played_ms:
            return False
        return self.strategy is InterruptionStrategy.IMMEDIATE or speech_ms >= self.min_speech_ms
