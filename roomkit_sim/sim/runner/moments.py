"""Waits for the moments at which faults strike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from roomkit_sim.sim.scenario.faults import AtFrame, MessageFault, Moment
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.trace.stage_marks import StageMark, StageWatch
from roomkit_sim.sim.trace.websocket import Direction as Parser
from roomkit_sim.sim.trace.websocket import Message
from roomkit_sim.sim.trace.wire_frames import HandleLabels, read_frame
from roomkit_sim.sim.world.connection import ObservedConnection, Side

__all__ = ["FrameCounter", "Marks", "arm"]

Marks: TypeAlias = Mapping[tuple[int, str], StageMark | None]
"""Number of a handoff and stage to how it is recognised; nothing where the call has no such stage."""

Strike: TypeAlias = Callable[[Moment], None]


def _nobody_asks(fault: Moment) -> None:
    """Whether it has come is of no interest."""


class FrameCounter:
    """Counts the messages of each connection and direction; observes a network for the client's.

    Args:
        concerns: Whether a connection belongs to the call whose faults are meant.
    """

    def __init__(self, concerns: Callable[[ObservedConnection], bool]) -> None:
        self._concerns = concerns
        self._waiting: list[tuple[AtFrame, Callable[[], None]]] = []
        self._counts: dict[tuple[int, str, str | None], int] = {}
        self._names: dict[str, dict[str, None]] = {}
        self._parsers: dict[int, Parser] = {}

    def wait(self, frame: AtFrame, reached: Callable[[], None]) -> None:
        """Call ``reached`` when a message comes, before it passes."""
        self._waiting.append((frame, reached))

    def passed(self, frame: AtFrame) -> int:
        """How many messages passed that are meant, on the connection that had most of them."""
        return max(
            (
                count
                for (conn, direction, name), count in self._counts.items()
                if direction == frame.direction and name == frame.name and frame.conn in (None, conn)
            ),
            default=0,
        )

    def names(self, direction: str) -> list[str]:
        """The names of all messages that passed in a direction, in order."""
        return list(self._names.get(direction, {}))

    def server_message(self, connection: ObservedConnection, payload: bytes) -> None:
        """A message of the server is about to arrive."""
        self._count(connection, "down", payload)

    def dialled(self, connection: ObservedConnection) -> None:
        """Nothing has passed yet."""

    def established(self, connection: ObservedConnection) -> None:
        """Nothing has passed yet."""

    def client_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """Bytes left the client."""
        for item in self._parsers.setdefault(connection.id, Parser()).feed(data):
            if isinstance(item, Message):
                self._count(connection, "up", item.payload)

    def client_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Counted before, one by one."""

    def server_sent(self, connection: ObservedConnection, data: bytes) -> None:
        """Counted when they arrive."""

    def server_received(self, connection: ObservedConnection, data: bytes) -> None:
        """Counted when they were sent."""

    def closed(self, connection: ObservedConnection, side: Side, error: str | None) -> None:
        """Nothing more passes."""

    def _count(self, connection: ObservedConnection, direction: str, payload: bytes) -> None:
        if not self._concerns(connection):
            return
        name = read_frame(payload, HandleLabels()).name
        self._names.setdefault(direction, {})[name] = None
        # A message that has several parts is one with each of them.
        names = tuple(dict.fromkeys([None, name, *name.split("+")]))
        for which in names:
            key = (connection.id, direction, which)
            self._counts[key] = self._counts.get(key, 0) + 1
        for waiting in tuple(self._waiting):
            frame, reached = waiting
            is_meant = frame.direction == direction and frame.conn in (None, connection.id) and frame.name in names
            if is_meant and self._counts[connection.id, direction, frame.name] == frame.n:
                self._waiting.remove(waiting)
                reached()


def arm(
    fault: Moment, marks: Marks, recorder: Recorder, frames: FrameCounter, strike: Strike, came: Strike = _nobody_asks
) -> None:
    """Arrange that ``strike(fault)`` is called once, when the fault's moment has come.

    Args:
        fault: What is to happen.
        marks: How the stages of this call are recognised.
        recorder: The trace of the call.
        frames: Counts its messages.
        strike: Makes it happen.
        came: Is told that the moment has come, before a delay.
    """
    loop = asyncio.get_running_loop()

    def after(delay_ns: int) -> None:
        came(fault)
        if delay_ns:
            loop.call_later(delay_ns / 1e9, strike, fault)
        else:
            # Not from inside the emitting layer: it has not finished what it is doing.
            loop.call_soon(strike, fault)

    delay_ns = fault.delay_ms * 1_000_000
    if fault.at_ms is not None:
        # The world begins with the run.
        loop.call_later(fault.at_ms / 1000, strike, fault)
    elif fault.frame is not None:
        strikes_this_one = isinstance(fault, MessageFault) and not delay_ns
        frames.wait(fault.frame, (lambda: strike(fault)) if strikes_this_one else (lambda: after(delay_ns)))
    elif fault.after is not None:
        _on_event(recorder, _nth(fault.after.event, fault.after.nth), lambda: after(delay_ns))
    elif fault.stage is not None:
        mark = marks.get((fault.handoff, fault.stage))
        if mark is not None:
            _on_event(recorder, StageWatch(mark).feed, lambda: after(mark.offset_ns + delay_ns))


def _nth(name: str, nth: int) -> Callable[[TraceEvent], bool]:
    seen = 0

    def is_it(event: TraceEvent) -> bool:
        nonlocal seen
        seen += event.name == name
        return event.name == name and seen == nth

    return is_it


def _on_event(recorder: Recorder, is_it: Callable[[TraceEvent], bool], act: Callable[[], None]) -> None:
    def watch(event: TraceEvent) -> None:
        if is_it(event):
            stop()
            act()

    stop = recorder.listen(watch)
