"""Who somebody is, across channels."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from roomkit_sim.core.ids import new_id
from roomkit_sim.models.enums import IdentificationStatus

__all__ = ["Identity", "IdentityHookResult", "IdentityResult"]


class Identity(BaseModel):
    """A known person."""

    id: str = Field(default_factory=new_id)
    organization_id: str | None = None
    display_name: str | None = None
    email: str | None = None
    phone: str | None = None
    channel_addresses: dict[str, list[str]] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class IdentityResult(BaseModel):
    """What a resolver found."""

    status: IdentificationStatus = IdentificationStatus.UNKNOWN
    identity: Identity | None = None
    candidates: list[Identity] = Field(default_factory=list)
    message: str | None = None


class IdentityHookResult(BaseModel):
    """What an identity hook decides."""

    status: IdentificationStatus
    identity: Identity | None = None
    candidates: list[Identity] = Field(default_factory=list)
    reason: str | None = None
