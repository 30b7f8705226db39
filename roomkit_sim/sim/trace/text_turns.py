"""The text turns that a client sends to its provider."""

from __future__ import annotations

from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["is_complete_text_turn"]


def is_complete_text_turn(event: TraceEvent) -> bool | None:
    """Whether the model is asked to answer a text turn; false for history that is sent along.

    Returns:
        Nothing when the event is no text turn of the client.
    """
    message = event.data.get("json")
    content = message.get("client_content", message.get("clientContent")) if isinstance(message, dict) else None
    if event.name != "wire.sent" or not isinstance(content, dict):
        return None
    return content.get("turnComplete", content.get("turn_complete")) is not False
