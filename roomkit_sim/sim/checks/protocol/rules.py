"""What a rule is, and what a dialect of the realtime wire consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.checks.protocol.frames import Frame

__all__ = ["Connection", "Dialect", "EndRule", "Rule"]

C = TypeVar("C", bound="Connection")


class Connection(Protocol):
    """What a dialect remembers of one connection."""

    def take(self, frame: Frame) -> None:
        """Remember a frame, after the rules have judged it."""
        ...


@dataclass(frozen=True, slots=True)
class Rule(Generic[C]):
    """A rule about frames that the client sends.

    Args:
        code: Of its findings.
        on: The kinds of frames that it looks at; nothing for all.
        broken: Yields what is wrong with a frame, judged by what the client had received and sent before it.
        expected: What should have been.
        severity: What a finding does to the call: an error where the service refuses the frame or the conversation
            comes to harm, a warning where the service lets it pass.
    """

    code: str
    on: tuple[str, ...]
    broken: Callable[[C, Frame], Iterator[str]]
    expected: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class EndRule(Generic[C]):
    """A rule about what has not come when a connection is over: yields the frame that wanted it, and what is wrong."""

    code: str
    broken: Callable[[C, int], Iterator[tuple[Frame, str]]]
    expected: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Dialect(Generic[C]):
    """One realtime protocol.

    Args:
        hosts: Ends of the names of the service's hosts.
        kinds: The messages by which a connection to another host is recognised.
        read: Gives a frame its kinds, and its JSON in one spelling.
        new_call: Makes what the connections of a call have in common.
        connect: Makes a connection's memory of the call's, of the frame that dialled or began it, and of how many
            nanoseconds a client may take to read what has arrived.
        rules: Judged on each sent frame, in this order.
        end_rules: Judged when the connection is over; they are given the time of that.
    """

    hosts: tuple[str, ...]
    kinds: frozenset[str]
    read: Callable[[Frame], Frame]
    new_call: Callable[[], Any]
    connect: Callable[[Any, Frame, int], C]
    rules: tuple[Rule[C], ...]
    end_rules: tuple[EndRule[C], ...]
