"""What there is to know about a Gemini Live connection: what it was set up with, and what the client has received."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.gemini.messages import functions, items, member

__all__ = ["Call", "Conversation", "GeminiCall", "GeminiConnection", "Update"]

LOST = 1006
"""The close code of a connection that ended without a close frame (RFC 6455, 7.1.5)."""


@dataclass(frozen=True, slots=True)
class Update:
    """A ``sessionResumptionUpdate``; the handle is the trace's label of it."""

    t_ns: int
    handle: str | None


@dataclass(slots=True)
class Conversation:
    """What a resumption goes on with: it spans connections."""

    model: str
    updates: list[Update] = field(default_factory=list)
    last_conn: int = 0

    def told_at(self, t_ns: int, unread_ns: int) -> list[Update]:
        """What the client may take for the state at a time: the last update before, and those that may be unread."""
        arrived = [update for update in self.updates if update.t_ns <= t_ns]
        unread = [update for update in arrived if update.t_ns >= unread_ns]
        return [*arrived[: len(arrived) - len(unread)][-1:], *unread]


@dataclass(slots=True)
class GeminiCall:
    """What the connections of a call have in common."""

    by_handle: dict[str, Conversation] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    """The connections that the client did not leave of its own will."""


@dataclass(slots=True)
class Call:
    """A function call that the client received."""

    name: str
    frame: Frame
    blocking: bool
    answered: bool = False
    cancelled_ns: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is still due."""
        return not self.answered and self.cancelled_ns is None


@dataclass(slots=True)
class GeminiConnection:
    """One connection."""

    call: GeminiCall
    begun: Frame
    reaction_ns: int
    setup: Mapping[str, Any] | None = None
    conversation: Conversation | None = None
    ready: bool = False
    calls: dict[str, list[Call]] = field(default_factory=dict)
    non_blocking: frozenset[str] = frozenset()
    gone_ns: int | None = None

    def knew(self, fact_ns: int, frame: Frame) -> bool:
        """Whether the client can have read what arrived at a time when it sent a frame; else they crossed."""
        return fact_ns + self.reaction_ns < frame.t_ns

    @property
    def detects_turns(self) -> bool:
        """Whether the server finds the turns."""
        return member(self.setup or {}, "realtimeInputConfig", "automaticActivityDetection").get("disabled") is not True

    def all_calls(self) -> Iterator[Call]:
        """The calls in the order of their ids' first appearance."""
        for calls in self.calls.values():
            yield from calls

    def take(self, frame: Frame) -> None:
        """Remember a frame."""
        if frame.way == "close" and (frame.data.get("by") != "client" or frame.data.get("code") == LOST):
            self.call.lost.add(frame.conn)
        for kind in frame.kinds:
            match frame.way, kind:
                case "sent", "setup":
                    self._set_up(member(frame.json, "setup"))
                case "sent", "toolResponse":
                    self._answer(member(frame.json, "toolResponse"))
                case "sent", "contextUpdate":
                    self._declare(items(member(frame.json, "contextUpdate", "tools"), "tools"))
                case "received", "setupComplete":
                    self.ready = True
                case "received", "toolCall":
                    self._ask(frame)
                case "received", "toolCallCancellation":
                    self._cancel(frame)
                case "received", "sessionResumptionUpdate":
                    self._update(frame)
                case "received", "goAway":
                    self.call.lost.add(frame.conn)
                    self._go(frame)

    def _set_up(self, setup: Mapping[str, Any]) -> None:
        if self.setup is not None:
            return
        self.setup = setup
        self._declare(items(setup, "tools"))
        known = self.call.by_handle.get(str(member(setup, "sessionResumption").get("handle")))
        self.conversation = known or Conversation(str(setup.get("model")))
        self.conversation.last_conn = self.begun.conn

    def _declare(self, tools: list[Mapping[str, Any]]) -> None:
        declared = functions(tools)
        self.non_blocking = frozenset(str(f.get("name")) for f in declared if f.get("behavior") == "NON_BLOCKING")

    def _ask(self, frame: Frame) -> None:
        for asked in items(member(frame.json, "toolCall"), "functionCalls"):
            name = str(asked.get("name"))
            self.calls.setdefault(str(asked.get("id")), []).append(Call(name, frame, name not in self.non_blocking))

    def _answer(self, response: Mapping[str, Any]) -> None:
        for result in items(response, "functionResponses"):
            call = next((call for call in self.calls.get(str(result.get("id")), []) if call.is_open), None)
            # A call that does not block may be answered in pieces.
            if call is not None and (call.blocking or not result.get("willContinue")):
                call.answered = True

    def _cancel(self, frame: Frame) -> None:
        ids = member(frame.json, "toolCallCancellation").get("ids")
        for call_id in ids if isinstance(ids, list) else []:
            for call in self.calls.get(str(call_id), []):
                if call.is_open:
                    call.cancelled_ns = frame.t_ns

    def _update(self, frame: Frame) -> None:
        if self.conversation is None:
            return
        update = member(frame.json, "sessionResumptionUpdate")
        handle = update.get("newHandle") if update.get("resumable") else None
        self.conversation.updates.append(Update(frame.t_ns, str(handle) if handle else None))
        if handle:
            self.call.by_handle[str(handle)] = self.conversation

    def _go(self, frame: Frame) -> None:
        left = re.fullmatch(r"(\d+(?:\.\d+)?)s", str(member(frame.json, "goAway").get("timeLeft")))
        if left is not None and self.gone_ns is None:
            self.gone_ns = frame.t_ns + round(float(left.group(1)) * 1e9)
