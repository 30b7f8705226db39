"""What there is to know about an OpenAI Realtime connection: what was sent, and what the client has received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.sim.checks.protocol.frames import Frame
from roomkit_sim.sim.checks.protocol.openai.messages import at, audio_bytes, member, pace_of
from roomkit_sim.sim.checks.protocol.openai.session import SessionView

__all__ = ["Call", "Item", "OpenAICall", "OpenAIConnection"]


@dataclass(slots=True)
class OpenAICall:
    """What the connections of a call have in common: nothing, each is a session of its own."""


@dataclass(slots=True)
class Item:
    """An item of the conversation."""

    is_answer: bool
    has_audio: bool = False
    audio_bytes: int = 0
    truncated_ms: int | None = None


@dataclass(slots=True)
class Call:
    """A function call; several events tell of it, all with the id of its item where they have one."""

    frame: Frame
    name: str
    answered: bool = False
    items: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class OpenAIConnection:
    """One connection."""

    call: OpenAICall
    begun: Frame
    reaction_ns: int
    session: SessionView = field(default_factory=SessionView)
    active: dict[str, int] = field(default_factory=dict)
    """Responses of the conversation that are under way, and since when the client knows it."""
    asked: int = 0
    """Answers that the client asked for and that have not begun."""
    ended_ns: int | None = None
    calls: dict[str, Call] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    speaking: Item | None = None
    audio_ns: int | None = None
    """When the first audio of an answer came."""
    buffered: int = 0
    """Bytes of audio that no commit has taken."""
    committed: bool = False
    last_append: Frame | None = None
    paces: list[float] = field(default_factory=list)
    """Bytes a second of the caller's audio, of each stretch that is long enough to tell."""

    def knew(self, fact_ns: int, frame: Frame) -> bool:
        """Whether the client can have read what arrived at a time when it sent a frame; else they crossed."""
        return fact_ns + self.reaction_ns < frame.t_ns

    def take(self, frame: Frame) -> None:
        """Remember a frame."""
        kind = frame.kinds[0]
        take = (_SENT if frame.way == "sent" else _RECEIVED if frame.way == "received" else {}).get(kind)
        if take is not None:
            take(self, frame)

    def add_item(self, item: Mapping[str, Any], frame: Frame) -> None:
        """An item that either side put into the conversation."""
        is_answer = item.get("type") == "message" and item.get("role") == "assistant"
        if item.get("id"):
            self.items.setdefault(str(item["id"]), Item(is_answer))
        if item.get("type") == "function_call" and item.get("call_id"):
            self.add_call(str(item["call_id"]), item.get("name"), item.get("id"), frame)

    def add_call(self, call_id: str, name: object, item_id: object, frame: Frame) -> None:
        """A call that either side told of. Under the id of one that was answered, another item is another call."""
        call = self.calls.get(call_id)
        is_another = call is not None and call.answered and call.items and item_id not in (None, *call.items)
        if call is None or is_another:
            call = self.calls[call_id] = Call(frame, str(name))
        if item_id is not None:
            call.items[str(item_id)] = None


def _update(connection: OpenAIConnection, frame: Frame) -> None:
    connection.session.sent(member(frame.json, "session"))


def _append(connection: OpenAIConnection, frame: Frame) -> None:
    connection.buffered += audio_bytes(frame)
    connection.last_append = frame
    pace = pace_of(frame)
    if pace is not None:
        connection.paces.append(pace)


def _commit(connection: OpenAIConnection, frame: Frame) -> None:
    connection.buffered = 0
    connection.committed = True


def _clear(connection: OpenAIConnection, frame: Frame) -> None:
    connection.buffered = 0


def _create_item(connection: OpenAIConnection, frame: Frame) -> None:
    item = member(frame.json, "item")
    connection.add_item(item, frame)
    call = connection.calls.get(str(item.get("call_id")))
    if item.get("type") == "function_call_output" and call is not None:
        call.answered = True


def _ask(connection: OpenAIConnection, frame: Frame) -> None:
    if at(frame.json, "response", "conversation") != "none":
        connection.asked += 1


def _truncate(connection: OpenAIConnection, frame: Frame) -> None:
    item, end_ms = connection.items.get(str(frame.json.get("item_id"))), frame.json.get("audio_end_ms")
    if item is not None and isinstance(end_ms, int):
        item.truncated_ms = end_ms


def _delete(connection: OpenAIConnection, frame: Frame) -> None:
    connection.items.pop(str(frame.json.get("item_id")), None)


def _echo(connection: OpenAIConnection, frame: Frame) -> None:
    connection.session.echoed(member(frame.json, "session"))


def _greet(connection: OpenAIConnection, frame: Frame) -> None:
    # It answers no update: it comes unasked, and may cross the first one.
    connection.session.unanswered += 1
    _echo(connection, frame)


def _begin(connection: OpenAIConnection, frame: Frame) -> None:
    response = member(frame.json, "response")
    if response.get("conversation_id", "") is not None:
        connection.active[str(response.get("id"))] = frame.t_ns
        connection.asked = max(0, connection.asked - 1)


def _end(connection: OpenAIConnection, frame: Frame) -> None:
    if connection.active.pop(str(at(frame.json, "response", "id")), None) is not None:
        connection.ended_ns = frame.t_ns


def _fail(connection: OpenAIConnection, frame: Frame) -> None:
    error = member(frame.json, "error")
    if str(error.get("param")).startswith("session"):
        connection.session.refused()
    else:
        connection.asked = max(0, connection.asked - 1)


def _item(connection: OpenAIConnection, frame: Frame) -> None:
    connection.add_item(member(frame.json, "item"), frame)


def _called(connection: OpenAIConnection, frame: Frame) -> None:
    connection.add_call(str(frame.json.get("call_id")), frame.json.get("name"), frame.json.get("item_id"), frame)


def _part(connection: OpenAIConnection, frame: Frame) -> None:
    if at(frame.json, "part", "type") in ("audio", "output_audio"):
        item = connection.items.setdefault(str(frame.json.get("item_id")), Item(is_answer=True))
        item.has_audio, connection.speaking = True, item


def _audio(connection: OpenAIConnection, frame: Frame) -> None:
    connection.audio_ns = frame.t_ns if connection.audio_ns is None else connection.audio_ns
    named = frame.json.get("item_id")
    item = connection.items.setdefault(str(named), Item(is_answer=True)) if named else connection.speaking
    if item is not None:
        item.has_audio = True
        item.audio_bytes += audio_bytes(frame)


def _removed(connection: OpenAIConnection, frame: Frame) -> None:
    connection.items.pop(str(frame.json.get("item_id")), None)


_SENT = {
    "session.update": _update,
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": _commit,
    "input_audio_buffer.clear": _clear,
    "conversation.item.create": _create_item,
    "conversation.item.truncate": _truncate,
    "conversation.item.delete": _delete,
    "response.create": _ask,
}
_RECEIVED = {
    "session.created": _greet,
    "session.updated": _echo,
    "response.created": _begin,
    "response.done": _end,
    "response.output_item.added": _item,
    "response.output_item.done": _item,
    "conversation.item.created": _item,
    "conversation.item.added": _item,
    "conversation.item.done": _item,
    "conversation.item.deleted": _removed,
    "response.function_call_arguments.done": _called,
    "response.content_part.added": _part,
    "response.output_audio.delta": _audio,
    "input_audio_buffer.committed": _commit,
    "error": _fail,
}
