"""Who sent a message: the resolver's answer, and what the application's hooks make of one that is not certain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from roomkit_sim.identity.base import IdentityResolver
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelType, HookTrigger, IdentificationStatus
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.identity import Identity, IdentityHookResult, IdentityResult

if TYPE_CHECKING:
    from roomkit_sim.core.framework import RoomKit

__all__ = ["Identification", "IdentityHook", "Refusal"]

IdentityHook: TypeAlias = Callable[[RoomEvent, RoomContext, IdentityResult], Awaitable[IdentityHookResult | None]]

_TRIGGERS = {
    IdentificationStatus.AMBIGUOUS: HookTrigger.ON_IDENTITY_AMBIGUOUS,
    IdentificationStatus.UNKNOWN: HookTrigger.ON_IDENTITY_UNKNOWN,
}


@dataclass(frozen=True)
class Refusal:
    """The message must not enter the room.

    Args:
        reason: Why.
    """

    reason: str


class Identification:
    """Finds out who sends.

    Args:
        kit: For reports.
        resolver: Asked first; without one nobody is identified.
        channel_types: Only messages of channels of these types are looked at; ``None`` is all.
        timeout: Seconds for the resolver, and for each hook.
    """

    def __init__(
        self,
        kit: RoomKit,
        resolver: IdentityResolver | None,
        channel_types: frozenset[ChannelType] | None,
        timeout: float,
    ) -> None:
        self._kit = kit
        self._resolver = resolver
        self._channel_types = channel_types
        self._timeout = timeout
        self._hooks: list[tuple[HookTrigger, IdentityHook]] = []

    def add_hook(self, trigger: HookTrigger, hook: IdentityHook) -> None:
        """Ask ``hook`` when the resolver's answer is ambiguous, or unknown."""
        self._hooks.append((trigger, hook))

    async def apply(self, event: RoomEvent, message: InboundMessage, context: RoomContext) -> RoomEvent | Refusal:
        """The event with ``identity_id`` in its metadata where its sender is known.

        A resolver or hook that fails is reported and lets the message in without a name.
        """
        if self._resolver is None:
            return event
        if self._channel_types is not None and event.source.channel_type not in self._channel_types:
            return event
        found = await self._resolve(self._resolver, event, message)
        if found is None:
            return event
        if found.identity is not None:
            return _named(event, found.identity)
        decided = await self._ask(event, context, found)
        if decided is None:
            return event
        if decided.status is IdentificationStatus.IDENTIFIED and decided.identity is not None:
            return _named(event, decided.identity)
        if decided.status in (IdentificationStatus.REJECTED, IdentificationStatus.CHALLENGE_SENT):
            return Refusal(decided.reason or f"identity_{decided.status.value}")
        return event

    async def _resolve(
        self, resolver: IdentityResolver, event: RoomEvent, message: InboundMessage
    ) -> IdentityResult | None:
        try:
            async with asyncio.timeout(self._timeout):
                return await resolver.resolve(message)
        except Exception as error:
            await self._kit.report_error("identity resolver", error, room_id=event.room_id)
            return None

    async def _ask(self, event: RoomEvent, context: RoomContext, found: IdentityResult) -> IdentityHookResult | None:
        """The first hook that decides does."""
        wanted = _TRIGGERS.get(found.status)
        for trigger, hook in self._hooks:
            if trigger is not wanted:
                continue
            try:
                async with asyncio.timeout(self._timeout):
                    decided = await hook(event, context, found)
            except Exception as error:
                await self._kit.report_error(f"identity hook ({trigger})", error, room_id=event.room_id)
                continue
            if decided is not None:
                return decided
        return None


def _named(event: RoomEvent, identity: Identity) -> RoomEvent:
    return event.model_copy(update={"metadata": {**event.metadata, "identity_id": identity.id}})
