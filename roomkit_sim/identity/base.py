"""What finds out who writes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.identity import IdentityResult

__all__ = ["IdentityResolver"]


class IdentityResolver(ABC):
    """Finds the identity behind an inbound message."""

    @abstractmethod
    async def resolve(self, message: InboundMessage) -> IdentityResult:
        """Who sent the message, as far as it can be told."""
