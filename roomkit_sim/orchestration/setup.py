"""Gives a text agent the handoff tool, and catches its calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from roomkit_sim.channels.tool_handlers import ToolHandler, call_tool_handler, result_text
from roomkit_sim.core.room_context import current_room_id
from roomkit_sim.errors import HandoffAlreadySetUpError
from roomkit_sim.orchestration.tools import HANDOFF_TOOL, HANDOFF_TOOL_NAME
from roomkit_sim.providers.ai.base import AITool

if TYPE_CHECKING:
    from roomkit_sim.channels.ai import AIChannel
    from roomkit_sim.orchestration.handler import HandoffHandler

__all__ = ["has_handoff", "require_without_handoff", "setup_handoff"]


def has_handoff(channel: AIChannel) -> bool:
    """Whether the channel has the handoff tool already."""
    return any(tool.name == HANDOFF_TOOL_NAME for tool in channel.extra_tools)


def require_without_handoff(channels: Sequence[AIChannel]) -> None:
    """Make sure that each of the channels can be given the handoff tool.

    Raises:
        HandoffAlreadySetUpError: One has it already, or stands in the sequence twice.
    """
    seen: list[str] = []
    for channel in channels:
        if has_handoff(channel) or channel.channel_id in seen:
            raise HandoffAlreadySetUpError(
                f"setup_handoff() was already called for {channel.channel_id!r}: install each agent once, with one "
                f"pipeline or router"
            )
        seen.append(channel.channel_id)


def setup_handoff(channel: AIChannel, handler: HandoffHandler, *, tool: AITool | None = None) -> None:
    """Wire handoff into a channel's tool chain.

    Args:
        channel: The agent.
        handler: Processes the calls.
        tool: A constrained tool; the generic one when absent.

    Raises:
        HandoffAlreadySetUpError: It was called for this channel already.
    """
    require_without_handoff([channel])
    channel.extra_tools.append(tool or HANDOFF_TOOL)
    channel.tool_handler = _intercept(channel.channel_id, handler, channel.tool_handler)


def _intercept(agent_id: str, handler: HandoffHandler, inner: ToolHandler | None) -> ToolHandler:
    async def handle(name: str, arguments: dict[str, Any]) -> str:
        if name != HANDOFF_TOOL_NAME:
            if inner is None:
                return json.dumps({"error": f"unknown tool {name!r}"})
            return result_text(await call_tool_handler(inner, None, name, arguments))
        room_id = current_room_id.get()
        if room_id is None:
            return json.dumps({"error": "no room is known for this call: is the router installed?"})
        result = await handler.handle(room_id, agent_id, arguments)
        return result.model_dump_json()

    return handle
