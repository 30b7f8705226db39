"""A service that notes every byte of meaning that a client sends, and answers as little as a client needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.sim.world.world import World

KEY = "key-of-the-wire-contract"
PCM = b"\xfb\xef\xbe\xff\xff\xff"
"""Three samples whose base64 tells its two alphabets apart."""

Frame = dict[str, Any]
Answer = Callable[[Frame, "Seen"], Iterable[Frame]]

VERSION = re.compile(r"\d+(\.\d+)+[\w.+-]*")
MACHINE = {"x-stainless-arch", "x-stainless-os", "x-stainless-runtime", "x-stainless-runtime-version"}


@dataclass
class Seen:
    """What came on one connection."""

    number: int
    request: str
    headers: list[str]
    frames: list[Frame] = field(default_factory=list)

    def of(self, kind: str) -> list[Frame]:
        """The frames of a type, or with a key."""
        return [frame for frame in self.frames if kind in frame or frame.get("type") == kind]


class ListeningService:
    """Answers each frame with those that ``answer`` makes of it.

    Args:
        answer: From a frame, and what came on its connection, it among them, to what is said.
        greeting: What is said before the client says anything.
    """

    def __init__(self, answer: Answer, greeting: Iterable[Frame] = ()) -> None:
        self._answer = answer
        self._greeting = tuple(greeting)
        self.connections: list[Seen] = []

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = [f"{name}: {scrubbed(name, value)}" for name, value in socket.request.headers.raw_items()]
        seen = Seen(len(self.connections) + 1, f"GET {socket.request.path}", headers)
        self.connections.append(seen)
        for frame in self._greeting:
            await socket.send(json.dumps(frame))
        async for message in socket:
            frame = json.loads(message)
            seen.frames.append(frame if isinstance(message, str) else {"binary message": frame})
            for reply in self._answer(frame, seen):
                await socket.send(json.dumps(reply))

    def run(self, world: World, host: str, main: Callable[[], Any]) -> list[Frame]:
        """Let ``main`` talk to the service at its production address; what it sent, as plain values."""

        async def whole() -> None:
            world.network.add_host(host)
            async with serve(self.handle, host, 443):
                await main()

        world.run(whole)
        assert world.unhandled == []
        return [{"request": it.request, "headers": it.headers, "frames": it.frames} for it in self.connections]


def scrubbed(name: str, value: str) -> str:
    """A header's value without secrets, versions, and what depends on the machine."""
    if name.lower() == "sec-websocket-key":
        return "<nonce>"
    if name.lower() in MACHINE:
        return "<machine>"
    return VERSION.sub("<version>", value.replace(KEY, "<key>"))
