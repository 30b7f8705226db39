"""What hooks answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.task import Observation, Task

__all__ = ["HookResult", "InjectedEvent"]


class InjectedEvent(BaseModel):
    """An event that a hook adds, for all or for some channels."""

    event: RoomEvent
    target_channel_ids: list[str] | None = None


class HookResult(BaseModel):
    """Allow, block (with a reason) or modify (with the new event)."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    action: Literal["allow", "block", "modify"] = "allow"
    event: Any = None
    reason: str | None = None
    injected_events: list[InjectedEvent] = Field(default_factory=list)
    tasks: list[Task] = Field(default_factory=list)
    observations: list[Observation] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> HookResult:
        if self.action == "block" and not self.reason:
            raise ValueError("HookResult.block() needs a reason")
        if self.action == "modify" and self.event is None:
            raise ValueError("HookResult.modify() needs the modified event")
        return self

    @classmethod
    def allow(cls, **extra: Any) -> HookResult:
        """Let the event pass."""
        return cls(action="allow", **extra)

    @classmethod
    def block(cls, reason: str, **extra: Any) -> HookResult:
        """Stop the event."""
        return cls(action="block", reason=reason, **extra)

    @classmethod
    def modify(cls, event: Any, **extra: Any) -> HookResult:
        """Let a changed event pass."""
        return cls(action="modify", event=event, **extra)
