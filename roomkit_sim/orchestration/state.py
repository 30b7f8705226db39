"""Where a conversation stands: its phase, the agent in charge, and how it came there."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from roomkit_sim.core.clock import now
from roomkit_sim.models.room import Room

__all__ = [
    "ConversationPhase",
    "ConversationState",
    "PhaseTransition",
    "get_conversation_state",
    "has_conversation_state",
    "set_conversation_state",
]

_KEY = "_conversation_state"


class ConversationPhase(StrEnum):
    """Built-in phases. Any other text is a phase as well."""

    INTAKE = "intake"
    QUALIFICATION = "qualification"
    HANDLING = "handling"
    ESCALATION = "escalation"
    RESOLUTION = "resolution"
    FOLLOWUP = "followup"


class PhaseTransition(BaseModel):
    """The record of one change."""

    from_phase: str
    to_phase: str
    from_agent: str | None = None
    to_agent: str | None = None
    reason: str = ""
    timestamp: datetime = Field(default_factory=now)
    metadata: dict[str, Any] = Field(default_factory=dict)


class ConversationState(BaseModel):
    """Where a conversation stands. Changed only by making new states."""

    phase: str = ConversationPhase.INTAKE.value
    active_agent_id: str | None = None
    previous_agent_id: str | None = None
    handoff_count: int = 0
    phase_started_at: datetime = Field(default_factory=now)
    phase_history: list[PhaseTransition] = Field(default_factory=list)
    context: dict[str, Any] = Field(default_factory=dict)

    def transition(
        self, to_phase: str, to_agent: str | None = None, reason: str = "", metadata: dict[str, Any] | None = None
    ) -> ConversationState:
        """The state after a change of phase; this one stays as it is.

        Args:
            to_phase: The new phase.
            to_agent: The agent then in charge; ``None`` is nobody.
            reason: Why.
            metadata: Kept with the record.
        """
        record = PhaseTransition(
            from_phase=self.phase,
            to_phase=to_phase,
            from_agent=self.active_agent_id,
            to_agent=to_agent,
            reason=reason,
            metadata=dict(metadata or {}),
        )
        return self.model_copy(
            update={
                "phase": to_phase,
                "active_agent_id": to_agent,
                "previous_agent_id": self.active_agent_id,
                "handoff_count": self.handoff_count + (to_agent != self.active_agent_id),
                "phase_started_at": record.timestamp,
                "phase_history": [*self.phase_history, record],
                "context": dict(self.context),
            }
        )

    def with_context(self, **values: Any) -> ConversationState:
        """The state with these context values; ``None`` removes one."""
        merged = {**self.context, **values}
        return self.model_copy(update={"context": {key: value for key, value in merged.items() if value is not None}})


def has_conversation_state(room: Room) -> bool:
    """Whether the room has orchestration state."""
    return _KEY in room.metadata


def get_conversation_state(room: Room) -> ConversationState:
    """The room's state; a fresh default where it has none."""
    stored = room.metadata.get(_KEY)
    return ConversationState() if stored is None else ConversationState.model_validate(stored)


def set_conversation_state(room: Room, state: ConversationState) -> Room:
    """A copy of the room with this state. The caller saves it with ``store.update_room()``."""
    return room.model_copy(update={"metadata": {**room.metadata, _KEY: state.model_dump(mode="json")}})
