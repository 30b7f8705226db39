"""A call's wire events as frames, in the order in which they passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["Frame", "Way", "frames_of"]

Way: TypeAlias = Literal["dial", "open", "sent", "received", "close"]
_WAYS: dict[str, Way] = {
    "wire.dial": "dial",
    "wire.open": "open",
    "wire.sent": "sent",
    "wire.received": "received",
    "wire.close": "close",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, or the consecutive audio frames that the trace keeps as one event.

    Args:
        conn: Number of its connection.
        way: What happened to it; dialling, opening and closing are frames too, without a name.
        name: As in the trace.
        kinds: The messages in it, as its dialect calls them; what is common to all dialects has none.
        json: What it says, as its dialect reads it; empty for audio and for what could not be read.
        t_ns: When it passed, in nanoseconds since the start of the run; of several, when the first did.
        until_ns: The same of the last, or of what ended the collection.
        number: Its position among the client's frames of its connection, from 1; of several, the first's.
        count: How many frames it stands for.
        payload: Their bytes before compression.
        data: The event's own data.
    """

    conn: int
    way: Way
    name: str
    kinds: tuple[str, ...]
    json: Mapping[str, Any]
    t_ns: int
    until_ns: int
    number: int
    count: int
    payload: int
    data: Mapping[str, Any]

    @property
    def shown(self) -> str:
        """The frame, for people."""
        numbers = f"{self.number}" if self.count == 1 else f"{self.number} to {self.number + self.count - 1}"
        return f"connection {self.conn}, frame {numbers} ({self.name})"


def frames_of(events: Iterable[TraceEvent]) -> list[Frame]:
    """The frames of a trace.

    Collected audio is written when its collection ends; it belongs where its first frame passed. The order within a
    direction stays, for nothing else passed in it meanwhile.
    """
    wire = [event for event in events if event.name in _WAYS and isinstance(event.data.get("conn"), int)]
    numbers: dict[int, int] = {}
    ordered = sorted(wire, key=lambda event: (_first_ns(event), event.seq))
    return [_frame(event, _WAYS[event.name], numbers) for event in ordered]


def _first_ns(event: TraceEvent) -> int:
    first_ns = event.data.get("first_t_ns")
    return first_ns if isinstance(first_ns, int) else event.t_ns


def _frame(event: TraceEvent, way: Way, numbers: dict[int, int]) -> Frame:
    data: Mapping[str, Any] = event.data
    conn, count, message = int(data["conn"]), int(data.get("frames", 1)), data.get("json")
    number = numbers.get(conn, 0) + 1 if way == "sent" else 0
    if way == "sent":
        numbers[conn] = number + count - 1
    return Frame(
        conn=conn,
        way=way,
        name=str(data.get("frame", "")),
        kinds=(),
        json=message if isinstance(message, dict) else {},
        t_ns=_first_ns(event),
        until_ns=event.t_ns,
        number=number,
        count=count,
        payload=int(data.get("payload", data.get("bytes", 0))),
        data=data,
    )
