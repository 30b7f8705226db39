"""Clients that misbehave on the wire.

Application, SDK and socket are whole; between SDK and socket somebody meddles with the frames.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame as SocketFrame
from websockets.frames import Opcode

__all__ = ["Call", "Frame", "Hears", "Line", "Says", "instead", "kind_of", "meddle", "talk_after_closing", "with_first"]

Frame: TypeAlias = dict[str, Any]
Says: TypeAlias = "Callable[[Line, Frame], Iterable[Frame | str]]"
"""From a frame that the SDK sends to what is sent instead; text goes out as it stands."""
Hears: TypeAlias = "Callable[[Line, Frame], Frame]"
"""From a frame that came to what the SDK is given instead."""


@dataclass(eq=False)
class Call:
    """The connections of one call."""

    lines: list[Line] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def once(self, name: str = "") -> bool:
        """Whether this is asked for the first time."""
        is_first = name not in self.done
        self.done.add(name)
        return is_first


@dataclass(eq=False)
class Line:
    """One connection, and what has passed on it so far.

    Args:
        call: Whose it is.
        socket: Where it meets the world.
        said: What the SDK has sent, as it meant it.
        heard: What the server has sent.
    """

    call: Call
    socket: ClientConnection
    said: list[Frame] = field(default_factory=list)
    heard: list[Frame] = field(default_factory=list)

    @property
    def number(self) -> int:
        """Of the connection in its call, from 1."""
        return self.call.lines.index(self) + 1

    def came(self, kind: str) -> list[Frame]:
        """The messages of a kind that have come."""
        return [frame for frame in self.heard if kind_of(frame) == kind]


def kind_of(frame: Frame) -> str:
    """OpenAI's type, Gemini's key in camelCase; of either, ``audio`` for the caller's."""
    named = str(frame.get("type") or next(iter(frame), ""))
    if named == "input_audio_buffer.append" or "audio" in frame.get("realtime_input", {}):
        return "audio"
    if "." in named:
        return named
    head, *rest = named.split("_")
    return head + "".join(part.title() for part in rest)


def with_first(kind: str, *more: Frame | str, after: bool = False, line: int = 1) -> Says:
    """Say something else before, or after, the first frame of a kind on a connection."""

    def says(at: Line, frame: Frame) -> Iterable[Frame | str]:
        if at.number != line or kind_of(frame) != kind or not at.call.once():
            return [frame]
        return [frame, *more] if after else [*more, frame]

    return says


def instead(kind: str, change: Callable[[Frame], Any], line: int = 1) -> Says:
    """Change every frame of a kind on a connection; what ``change`` returns does not count."""

    def says(at: Line, frame: Frame) -> Iterable[Frame | str]:
        if at.number == line and kind_of(frame) == kind:
            change(frame)
        return [frame]

    return says


def meddle(monkeypatch: pytest.MonkeyPatch, says: Says | None = None, hears: Hears | None = None) -> Call:
    """Let every client misbehave from now on."""
    call = Call()
    send, recv = ClientConnection.send, ClientConnection.recv

    def line_of(socket: ClientConnection) -> Line:
        known = [line for line in call.lines if line.socket is socket]
        if not known:
            call.lines.append(Line(call, socket))
        return (known or call.lines)[-1]

    async def sends(self: ClientConnection, message: str, text: bool | None = None) -> None:
        line, frame = line_of(self), json.loads(message)
        line.said.append(copy.deepcopy(frame))
        for said in [frame] if says is None else says(line, frame):
            await send(self, said if isinstance(said, str) else json.dumps(said))

    async def receives(self: ClientConnection, decode: bool | None = None) -> Any:
        data = await recv(self, decode=decode)
        line, frame = line_of(self), json.loads(data)
        line.heard.append(frame)
        if hears is None:
            return data
        changed = json.dumps(hears(line, copy.deepcopy(frame)))
        return changed if isinstance(data, str) else changed.encode()

    monkeypatch.setattr(ClientConnection, "send", sends)
    monkeypatch.setattr(ClientConnection, "recv", receives)
    return call


def talk_after_closing(monkeypatch: pytest.MonkeyPatch, frame: Frame) -> None:
    """Let every client say something when it has closed; the socket would not, so this goes past it."""
    close = ClientConnection.close

    async def closes(self: ClientConnection, code: int = 1000, reason: str = "") -> None:
        if self.protocol.close_sent is None and self.protocol.close_rcvd is None:
            self.protocol.send_close(code, reason)
            self.send_data()
            self.transport.write(SocketFrame(Opcode.TEXT, json.dumps(frame).encode()).serialize(mask=True))
        await close(self, code, reason)

    monkeypatch.setattr(ClientConnection, "close", closes)
