"""What a room is told about handoffs: notices in its timeline, and the first message on another channel."""

from __future__ import annotations

from typing import Any

from roomkit_sim.core.event_router import INTERNAL
from roomkit_sim.models.enums import EventType
from roomkit_sim.models.event import TextContent
from roomkit_sim.orchestration.decisions import Accepted

__all__ = ["CONTINUED_HERE", "continuation", "failure_notice", "handoff_notice"]

CONTINUED_HERE = "Your conversation continues here."


def handoff_notice(from_agent: str, decision: Accepted) -> dict[str, Any]:
    """Arguments of ``send_event()`` that announce a handoff."""
    return {
        "content": TextContent(body=f"[Handoff: {from_agent} -> {decision.target}] {decision.reason}"),
        "event_type": EventType.SYSTEM,
        "visibility": "all",
        "metadata": {
            "handoff": True,
            "from_agent": from_agent,
            "to_agent": decision.target,
            "summary": decision.summary,
            INTERNAL: True,
        },
    }


def failure_notice(from_agent: str, decision: Accepted, reason: str) -> dict[str, Any]:
    """Arguments of ``send_event()`` that take an announced handoff back."""
    return {
        "content": TextContent(body=f"[Handoff failed: {from_agent} -> {decision.target}] {reason}"),
        "event_type": EventType.SYSTEM,
        "visibility": "all",
        "metadata": {
            "handoff_failed": True,
            "from_agent": from_agent,
            "to_agent": decision.target,
            INTERNAL: True,
        },
    }


def continuation(channel_id: str) -> dict[str, Any]:
    """Arguments of ``send_event()`` that open a conversation on the channel to which it was escalated."""
    return {
        "content": TextContent(body=CONTINUED_HERE),
        "visibility": channel_id,
        "metadata": {"channel_escalation": True, INTERNAL: True},
    }
