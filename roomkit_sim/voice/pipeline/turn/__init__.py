"""Turn detection: whether a caller who paused has finished."""

from roomkit_sim.voice.pipeline.turn.base import TurnContext, TurnDecision, TurnDetector
from roomkit_sim.voice.pipeline.turn.mock import MockTurnDetector

__all__ = ["MockTurnDetector", "TurnContext", "TurnDecision", "TurnDetector"]
