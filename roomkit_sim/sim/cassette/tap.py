"""One connection while it is recorded: bytes in, a recorded connection out. No clock, no files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from roomkit_sim.sim.cassette.lines import DEEPEST, depth_exceeds
from roomkit_sim.sim.cassette.model import (
    Body,
    Close,
    Event,
    Frame,
    Loss,
    Note,
    Opaque,
    Plain,
    RecordedConnection,
    Sound,
    Track,
    Way,
)
from roomkit_sim.sim.cassette.rules import Microphone
from roomkit_sim.sim.cassette.scrubbing import Scrubber, clean_bytes
from roomkit_sim.sim.cassette.sound import find_sound, rate_of, value_at
from roomkit_sim.sim.cassette.tracks import levels, padded
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.websocket import Closing, Direction, Message, Upgrade

__all__ = ["NOISE", "ConnectionTap", "Dialled", "read_json", "without_noise"]

NOISE = ("event_id", "obfuscation")
"""Fields at the top of OpenAI's messages that are another in each message and mean nothing."""

REQUEST_HEADERS = ("user-agent", "x-goog-api-client", "openai-beta")
RESPONSE_HEADERS = ("retry-after", "www-authenticate")


@dataclass(frozen=True)
class Dialled:
    """What is known of a connection when it is dialled."""

    number: int
    call: str | None
    t_ns: int
    host: str


@dataclass
class ConnectionTap:
    """Reads one connection.

    Args:
        dialled: What is known of it.
        scrubber: Sees everything before it is kept.
        microphone: What is kept of what the caller said.
    """

    dialled: Dialled
    scrubber: Scrubber
    microphone: Microphone
    is_websocket: bool | None = None
    """Nothing until it asked for something."""

    status: int | None = None
    opened_ns: int = 0
    path: str = ""
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    _events: list[Event] = field(default_factory=list)
    _lost: bool = False
    _ended_by_server: bool = False

    def __post_init__(self) -> None:
        self._directions: dict[Way, Direction] = {"sent": Direction(), "received": Direction()}
        self._audio: dict[Way, bytearray] = {}
        self._rates: dict[Way, int] = {}

    def feed(self, way: Way, data: bytes, now_ns: int) -> None:
        """Take bytes of one direction, at a time on the recorder's clock."""
        t_ns = now_ns - self.dialled.t_ns
        for item in self._directions[way].feed(data):
            match item:
                case Upgrade():
                    self._head(item, t_ns)
                case Message():
                    self._events.append(Frame(way, t_ns, item.binary, self._body(way, item.payload)))
                case Closing():
                    self._events.append(Close(way, t_ns, item.code, self.scrubber.text(item.reason)))

    def note(self, kind: str, data: Mapping[str, Json], now_ns: int) -> None:
        """Something is known of the server beside its messages."""
        self._events.append(Note(now_ns - self.dialled.t_ns, kind, self.scrubber.note(kind, data)))

    def server_ended(self) -> None:
        """The server's end of TCP is over, before the client knows."""
        self._ended_by_server = True

    def lost(self, error: str | None, now_ns: int) -> None:
        """The client's end of TCP is over."""
        if not self._lost:
            self._lost = True
            # After a closing handshake it is the server that ends TCP (RFC 6455, 7.1.1), and a client does not end it
            # without asking for one: unless it asked in vain, it was the server.
            closes = [event.way for event in self._events if isinstance(event, Close)]
            in_vain = closes == ["sent"] and not self._ended_by_server and error is None
            by: Literal["client", "server"] = "client" if in_vain else "server"
            text = None if error is None else self.scrubber.text(error)
            self._events.append(Loss(now_ns - self.dialled.t_ns, by, text))

    def recorded(self, number: int, first_dial_ns: int) -> RecordedConnection:
        """What was recorded so far.

        Args:
            number: Which connection of the cassette it is.
            first_dial_ns: When the first of them was dialled.
        """
        tracks = {way: self._track(way, bytes(pcm)) for way, pcm in self._audio.items()}
        return RecordedConnection(
            number=number,
            call=self.dialled.call,
            dialled_ns=self.dialled.t_ns - first_dial_ns,
            host=self.dialled.host,
            path=self.path,
            status=self.status,
            opened_ns=self.opened_ns,
            request_headers=self.request_headers,
            response_headers=self.response_headers,
            events=self.scrubber.whole([self._without_sound(event) for event in self._events]),
            tracks=tracks,
        )

    def _head(self, head: Upgrade, t_ns: int) -> None:
        if head.status is None:
            self.is_websocket = head.headers.get("upgrade", "").lower() == "websocket"
            target = head.first_line.split(" ")[1] if head.first_line.count(" ") == 2 else ""
            self.path = self.scrubber.url(target)
            self._note_model(*parse_qs(urlsplit(self.path).query).get("model", ()))
            self.request_headers = self._kept(head, REQUEST_HEADERS)
            return
        self.status, self.opened_ns = head.status, t_ns
        self.response_headers = self._kept(head, RESPONSE_HEADERS)
        extensions = head.headers.get("sec-websocket-extensions", "")
        if "permessage-deflate" in extensions:
            self._directions["sent"].use_deflate(keep_context="client_no_context_takeover" not in extensions)
            self._directions["received"].use_deflate(keep_context="server_no_context_takeover" not in extensions)

    def _kept(self, head: Upgrade, names: tuple[str, ...]) -> dict[str, str]:
        return self.scrubber.headers({name: head.headers[name] for name in names if name in head.headers})

    def _body(self, way: Way, payload: bytes) -> Body:
        message = read_json(payload)
        if message is None:
            return Opaque(clean_bytes(self.scrubber, payload))
        sound = find_sound(message, way)
        if sound is None:
            clean = self.scrubber.frame(way, message)
            self._note_model(value_at(clean, ("setup", "model")), value_at(clean, ("session", "model")))
            return Plain(clean)
        assert sound.pcm is not None
        self._rates.setdefault(way, rate_of(sound))
        self._audio.setdefault(way, bytearray()).extend(sound.pcm)
        return Sound(self.scrubber.frame(way, sound.like), sound.path, sound.size, sound.pcm)

    def _note_model(self, *named: object) -> None:
        for model in named:
            if isinstance(model, str) and model not in self.models:
                self.models.append(model)

    def _leaves_out(self, way: Way) -> bool:
        return way == "sent" and self.microphone == "levels"

    def _track(self, way: Way, pcm: bytes) -> Track:
        rate_hz = self._rates[way]
        whole = padded(pcm)
        if self._leaves_out(way):
            return Track(rate_hz, len(whole) // 2, None, levels(whole, rate_hz))
        return Track(rate_hz, len(whole) // 2, whole)

    def _without_sound(self, event: Event) -> Event:
        if isinstance(event, Frame) and isinstance(event.body, Sound) and self._leaves_out(event.way):
            body = event.body
            return Frame(event.way, event.t_ns, event.binary, Sound(body.like, body.path, body.size, None))
        return event


def read_json(payload: bytes) -> dict[str, Any] | None:
    """A message without the fields that mean nothing; nothing when it is no JSON object that can be kept."""
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or depth_exceeds(message, DEEPEST - 4):
        return None
    return without_noise(message)


def without_noise(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message without the fields that mean nothing."""
    return {key: value for key, value in message.items() if key not in NOISE or "type" not in message}
