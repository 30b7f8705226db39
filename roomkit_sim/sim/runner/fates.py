"""What became of each fault of a run: whether it struck, and if not, why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from roomkit_sim.sim.scenario.faults import (
    AtFrame,
    Close,
    Corrupt,
    Cut,
    Flip,
    GoAway,
    MessageFault,
    Moment,
    Refuse,
)
from roomkit_sim.sim.scenario.switches import SWITCHES
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.stage_marks import StageMark

__all__ = ["Fates", "Messages", "Missed", "what_of", "why_never"]


@dataclass(frozen=True, slots=True)
class Missed:
    """A fault that never struck.

    Args:
        number: Its place among the run's faults, counted from 0.
        what: What should have happened.
        when: Its moment.
        why: Why it did not.
        at_ns: When its moment came, if it did.
    """

    number: int
    what: str
    when: str
    why: str
    at_ns: int | None = None


class Messages(Protocol):
    """The messages that passed on the wire of a call."""

    def passed(self, frame: AtFrame) -> int:
        """How many were meant, on the connection that had most of them."""
        ...

    def names(self, direction: str) -> list[str]:
        """What those of a direction were called."""
        ...


class Fates:
    """Told of everything that becomes of faults.

    Args:
        faults: Those of the run.
        now_ns: Nanoseconds since the start of the run.
    """

    def __init__(self, faults: Sequence[Moment], now_ns: Callable[[], int]) -> None:
        self._faults = faults
        self._now_ns = now_ns
        self._came: dict[int, int] = {}
        self._tried: dict[int, int] = {}
        self._struck: dict[int, None] = {}
        self._cannot: dict[int, str] = {}

    def came(self, fault: Moment) -> None:
        """Its moment has come; a delay may follow."""
        for number in self._numbers(fault):
            self._came.setdefault(number, self._now_ns())

    def tried(self, fault: Moment) -> None:
        """It strikes, as soon as there is something to strike."""
        for number in self._numbers(fault):
            self._tried.setdefault(number, self._now_ns())

    def struck(self, fault: Moment) -> None:
        """It has happened."""
        self._struck.update(dict.fromkeys(self._numbers(fault)))

    def cannot(self, fault: Moment, why: str) -> None:
        """It cannot happen in this run."""
        self._cannot.update(dict.fromkeys(self._numbers(fault), why))

    def missed(self, why_never: Callable[[Moment], str]) -> tuple[Missed, ...]:
        """Those that did not strike, in order.

        Args:
            why_never: Says why the moment of a fault never came.
        """
        return tuple(
            Missed(
                number,
                what_of(fault),
                fault.when,
                self._why(number, fault, why_never),
                self._tried.get(number, self._came.get(number)),
            )
            for number, fault in enumerate(self._faults)
            if number not in self._struck
        )

    def _why(self, number: int, fault: Moment, why_never: Callable[[Moment], str]) -> str:
        if number in self._cannot:
            return self._cannot[number]
        if number in self._tried:
            return f"its moment came at {self._tried[number] / 1e9:.3f} s, and {_nothing_for(fault)}"
        if number in self._came:
            return f"its moment came at {self._came[number] / 1e9:.3f} s, and the run ended before it was due"
        return why_never(fault)

    def _numbers(self, fault: Moment) -> list[int]:
        return [number for number, known in enumerate(self._faults) if known is fault]


def why_never(
    fault: Moment,
    marks: Mapping[tuple[int, str], StageMark | None],
    events: Sequence[TraceEvent],
    messages: Messages,
) -> str:
    """Why the moment of a fault never came, for people.

    Args:
        fault: The fault.
        marks: How stages were to be recognised.
        events: The trace of the call.
        messages: Those that passed.
    """
    if fault.frame is not None:
        return _too_few(fault.frame, messages)
    if fault.after is not None:
        happened = sum(event.name == fault.after.event for event in events)
        return (
            f"the event happened {_so_many(happened, 'time')}" if happened else "the event did not happen in this call"
        )
    if fault.stage is not None:
        if marks.get((fault.handoff, fault.stage)) is None:
            return f"the undisturbed call has no {fault.stage} of handoff {fault.handoff}"
        return "the undisturbed call has this stage, and this call did not reach it"
    end_ns = events[-1].t_ns if events else 0
    return f"the run ended before, at {end_ns / 1e9:.3f} s"


def _too_few(frame: AtFrame, messages: Messages) -> str:
    passed = messages.passed(frame)
    others = messages.names(frame.direction)
    if passed or frame.name is None or not others:
        return f"{_so_many(passed, 'such message')} passed"
    if frame.name in others:
        return f"no such message passed on connection {frame.conn}"
    return f"no such message passed; those that went {frame.direction} were {', '.join(others)}"


def _so_many(count: int, unit: str) -> str:
    return f"no {unit}" if not count else f"only {count} {unit}{'s' if count > 1 else ''}"


def _nothing_for(fault: Moment) -> str:
    """What was missing when a fault was to strike."""
    match fault:
        case Flip():
            return f"the service had no occasion for it until the end. What it does: {SWITCHES[fault.switch].does}"
        case Refuse():
            return "nothing was dialled after that"
        case MessageFault():
            return "no message of the server came after that"
        case GoAway():
            return "no session was open then or later"
        case _:
            return "no connection was open then or later"


def what_of(fault: Moment) -> str:
    """What a fault does, in short."""
    match fault:
        case Cut(how="reset"):
            return "cut"
        case Cut() | Corrupt() | Refuse():
            return f"{fault.do}: {fault.how}"
        case Close():
            return f"close: {fault.code}"
        case Flip():
            return f"flip: {fault.switch}"
        case _:
            return str(getattr(fault, "do", ""))
