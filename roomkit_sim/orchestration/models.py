"""The request and the result of a handoff, as tools and hooks see them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["HandoffRequest", "HandoffResult"]


class HandoffRequest(BaseModel):
    """A handoff as a model asked for it; ``context`` holds the raw arguments."""

    target_agent_id: str
    reason: str = ""
    summary: str = ""
    context: dict[str, Any] = Field(default_factory=dict)
    channel_escalation: str | None = None
    urgent: bool = False


class HandoffResult(BaseModel):
    """What the model that asked is told."""

    accepted: bool = True
    new_agent_id: str | None = None
    new_phase: str | None = None
    message: str = ""
    reason: str = ""
