"""Notices agents to whom a message is routed and who are not in its room: nobody would answer, and nobody know why."""

from __future__ import annotations

from collections.abc import Mapping

from roomkit_sim.channels.base import Channel
from roomkit_sim.core.event_router import addressees
from roomkit_sim.errors import ChannelNotFoundError
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelType
from roomkit_sim.models.event import RoomEvent

__all__ = ["AbsentAgents"]


class AbsentAgents:
    """Tells of each of them once a room.

    Args:
        channels: The registered channels by id.
    """

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        self._channels = channels
        self._told: dict[str, list[str]] = {}

    def newly_missed(self, event: RoomEvent, context: RoomContext) -> list[tuple[str, Exception]]:
        """Who is missed for the first time: the id of each, and what to report.

        Agents that are not registered are not missed: those of a speech-to-speech call are configurations only, and
        what is written in its room is told to the call.
        """
        if any(binding.channel_type is ChannelType.REALTIME_VOICE for binding in context.bindings):
            return []
        told = self._told.get(event.room_id, [])
        missed = [
            agent_id
            for agent_id in addressees(event)
            if agent_id in self._channels and context.get_binding(agent_id) is None and agent_id not in told
        ]
        if missed:
            self._told[event.room_id] = [*told, *missed]
        return [(agent_id, _absence(agent_id, event.room_id)) for agent_id in missed]

    def forget_room(self, room_id: str) -> None:
        """The room is closed."""
        self._told.pop(room_id, None)


def _absence(agent_id: str, room_id: str) -> ChannelNotFoundError:
    return ChannelNotFoundError(
        f"agent {agent_id!r} does not answer: messages of room {room_id!r} are routed to it, and it is registered but "
        f"not attached to the room: call attach_channel({room_id!r}, {agent_id!r})"
    )
