"""A resolver that knows a few senders."""

from __future__ import annotations

from collections.abc import Mapping

from roomkit_sim.identity.base import IdentityResolver
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import IdentificationStatus
from roomkit_sim.models.identity import Identity, IdentityResult

__all__ = ["MockIdentityResolver"]


class MockIdentityResolver(IdentityResolver):
    """Knows the identities that it is given.

    Args:
        identities: Sender id to identity.
    """

    def __init__(self, identities: Mapping[str, Identity] | None = None) -> None:
        self.identities = dict(identities or {})
        self.asked: list[str] = []

    async def resolve(self, message: InboundMessage) -> IdentityResult:
        """The identity of the sender, if it is one of the given ones."""
        self.asked.append(message.sender_id)
        identity = self.identities.get(message.sender_id)
        status = IdentificationStatus.IDENTIFIED if identity else IdentificationStatus.UNKNOWN
        return IdentityResult(status=status, identity=identity)
