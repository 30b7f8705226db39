"""The tool with which a model asks for a handoff."""

from __future__ import annotations

from typing import Any

from roomkit_sim.orchestration.decisions import ESCALATIONS
from roomkit_sim.providers.ai.base import AITool

__all__ = ["HANDOFF_TOOL", "HANDOFF_TOOL_NAME", "build_handoff_tool", "tool_as_dict"]

HANDOFF_TOOL_NAME = "handoff_conversation"

HANDOFF_TOOL = AITool(
    name=HANDOFF_TOOL_NAME,
    description=(
        "Transfer this conversation to another agent or specialist. Use when: the user asks to speak with someone "
        "else, the user wants to be transferred or go back to a previous agent, the conversation needs expertise you "
        "don't have, or your task is complete and the next step requires a different agent. Always provide a clear "
        "summary of the conversation so far."
    ),
    parameters={
        "type": "object",
        "properties": {
            "target": {
                "type": "string",
                "description": "Target agent ID or alias (e.g., 'agent-advisor', 'agent-coder', 'human')",
            },
            "reason": {"type": "string", "description": "Why the handoff is needed"},
            "summary": {
                "type": "string",
                "description": (
                    "Summary of the conversation so far and what the next agent needs to know to continue effectively"
                ),
            },
            "next_phase": {
                "type": "string",
                "description": (
                    "Optional: conversation phase to transition to (e.g., 'handling', 'review', 'escalation')"
                ),
            },
            "channel_escalation": {
                "type": "string",
                "enum": list(ESCALATIONS),
                "description": "Whether to escalate to a different channel. 'same' keeps the current channel.",
            },
        },
        "required": ["target", "reason", "summary"],
    },
)
"""The generic tool: any target (text as in the specification)."""


def build_handoff_tool(targets: list[tuple[str, str | None]]) -> AITool:
    """A handoff tool whose target can only be one of ``targets``.

    Args:
        targets: Pairs of agent id and description. Empty gives the generic tool.
    """
    if not targets:
        return HANDOFF_TOOL
    lines = [f"- {agent_id}: {text}" if text else f"- {agent_id}" for agent_id, text in targets]
    target = {
        "type": "string",
        "enum": [agent_id for agent_id, _ in targets],
        "description": "\n".join(["Target agent ID. One of:", *lines]),
    }
    properties = {**HANDOFF_TOOL.parameters["properties"], "target": target}
    return HANDOFF_TOOL.model_copy(update={"parameters": {**HANDOFF_TOOL.parameters, "properties": properties}})


def tool_as_dict(tool: AITool) -> dict[str, Any]:
    """The tool as realtime providers take it."""
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
