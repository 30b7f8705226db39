"""Items of a conversation as the Realtime API takes them. Pure."""

from __future__ import annotations

from typing import Any

from roomkit_sim.providers.realtime.history import Turn

__all__ = ["message_item", "result_item", "seed_items"]

_MOST_ITEMS = 64
_MOST_CHARACTERS = 32_000
"""About 8000 tokens; the models read 32,000, of which instructions, tools and audio need their part."""


def message_item(role: str, text: str) -> dict[str, Any]:
    """What somebody said or wrote. A role that the API does not know counts as the user's."""
    if role in ("assistant", "model"):
        return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    side = "system" if role == "system" else "user"
    return {"type": "message", "role": side, "content": [{"type": "input_text", "text": text}]}


def result_item(call_id: str, result: str) -> dict[str, Any]:
    """What a function gave."""
    return {"type": "function_call_output", "call_id": call_id, "output": result}


def seed_items(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    """The latest turns, oldest first, as many as a new conversation should begin with."""
    kept: list[Turn] = []
    characters = 0
    for turn in reversed(turns[-_MOST_ITEMS:]):
        characters += len(turn.text)
        if kept and characters > _MOST_CHARACTERS:
            break
        kept.append(turn)
    return [message_item(turn.role, turn.text) for turn in reversed(kept)]
