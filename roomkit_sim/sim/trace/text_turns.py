"""The text turns that a client sends to its provider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["TextTurn", "text_turns"]


@dataclass(frozen=True, slots=True)
class TextTurn:
    """Words that the client tells the model.

    Args:
        event: The frame; the one that asks for the answer, where the words come in a frame of their own before it.
        conn: The connection.
        complete: Whether the model is asked to answer; history that is told again asks for nothing.
    """

    event: TraceEvent
    conn: int
    complete: bool


def text_turns(events: Iterable[TraceEvent]) -> Iterator[TextTurn]:
    """The text turns of a call, in order on each connection."""
    words: dict[int, list[TraceEvent]] = {}
    for event in events:
        message, conn = event.data.get("json"), event.data.get("conn")
        if event.name != "wire.sent" or not isinstance(message, dict) or not isinstance(conn, int):
            continue
        match message.get("type"):
            case None:
                content = message.get("client_content", message.get("clientContent"))
                if isinstance(content, dict):
                    asks = content.get("turnComplete", content.get("turn_complete")) is not False
                    yield TextTurn(event, conn, asks)
            case "conversation.item.create":
                item = message.get("item")
                if isinstance(item, dict) and item.get("type") != "function_call_output":
                    words.setdefault(conn, []).append(event)
            case "response.create":
                told = words.pop(conn, [])
                yield from (TextTurn(item, conn, complete=False) for item in told[:-1])
                if told:
                    # Without words it lets the model go on with what it was doing, as after a tool's result.
                    yield TextTurn(event, conn, complete=True)
    yield from (TextTurn(item, conn, complete=False) for conn, told in words.items() for item in told)
