"""A session of a service that there is not: its connections say what a test tells them to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.errors import ProviderProtocolError
from roomkit_sim.providers.realtime.connection import Dialler, SessionListener
from roomkit_sim.providers.realtime.events import LiveEvent
from roomkit_sim.providers.realtime.history import Turn
from roomkit_sim.providers.realtime.session import LiveSession, QueuedText
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.base import VoiceSession

RATE_HZ = 16_000


class FakeConnection:
    """One connection. What is put into ``says`` happens; an exception is raised."""

    def __init__(self, settings: LiveSettings, timeout_s: float) -> None:
        self.settings = settings
        self.timeout_s = timeout_s
        self.responding = False
        self.attending = False
        self.session_id: str | None = None
        self.says: asyncio.Queue[LiveEvent | Exception] = asyncio.Queue()
        self.told: list[str] = []
        self.audio = b""
        self.closed = False

    async def send_audio(self, pcm: bytes) -> None:
        self.audio += pcm

    async def events(self) -> AsyncGenerator[LiveEvent | ProviderProtocolError, None]:
        while True:
            said = await self.says.get()
            if isinstance(said, Exception):
                raise said
            yield said

    def end(self) -> list[LiveEvent]:
        return []

    async def close(self) -> None:
        self.closed = True


class FakeSession(LiveSession[FakeConnection]):
    """Every connection is a new conversation, and told what was said."""

    async def _send_result(
        self, connection: FakeConnection, call_id: str, name: str, result: str, *, respond: bool
    ) -> None:
        connection.told.append(result)

    async def _send_text(self, connection: FakeConnection, text: QueuedText) -> None:
        connection.told.append(text.text)

    async def _tell_history(self, connection: FakeConnection, turns: tuple[Turn, ...]) -> int:
        connection.told += [turn.text for turn in turns]
        return len(turns)


@dataclass
class FakeCall:
    """A session, its connections, and what it told."""

    dialler: Dialler[FakeConnection] | None = None
    timing: LiveTiming = field(default_factory=lambda: LiveTiming(settle_s=0.0))
    connections: list[FakeConnection] = field(default_factory=list)
    events: list[LiveEvent] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        listener = SessionListener(self.happened, self.stepped, self.failed)
        voice = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
        dialler = self.dialler or self.dial
        self.session = FakeSession("fake", voice, LiveSettings(), dialler, listener, self.timing, RATE_HZ)

    async def dial(self, settings: LiveSettings, handle: str | None, timeout_s: float) -> FakeConnection:
        self.connections.append(FakeConnection(settings, timeout_s))
        return self.connections[-1]

    async def happened(self, session: VoiceSession, event: LiveEvent) -> None:
        self.events.append(event)

    async def stepped(self, session: VoiceSession, step: Any, detail: str) -> None:
        self.steps.append(step)

    async def failed(self, session: VoiceSession, code: str, message: str) -> None:
        self.errors.append((code, message))
