"""A conversation with Gemini Live: what its service does its own way."""

from __future__ import annotations

from roomkit_sim.providers.gemini.live_connection import LiveConnection
from roomkit_sim.providers.gemini.live_events import HandleUpdate
from roomkit_sim.providers.gemini.resumption import ResumptionHandle
from roomkit_sim.providers.gemini.seeding import content_of, seed_contents
from roomkit_sim.providers.realtime.connection import Dialler, SessionListener
from roomkit_sim.providers.realtime.events import Trouble, WireEvent
from roomkit_sim.providers.realtime.history import Turn
from roomkit_sim.providers.realtime.session import LiveSession, QueuedText
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.base import VoiceSession

__all__ = ["GeminiSession"]


class GeminiSession(LiveSession[LiveConnection]):
    """The conversation of one caller. Conversations are gone on with by their handles; without one they are told again.

    Args:
        session: The voice session.
        settings: What to configure the first connection with.
        dialler: Opens connections.
        listener: Told what happens.
        timing: How long to wait for what.
        rate_hz: Sample rate of the caller's audio.
    """

    def __init__(
        self,
        session: VoiceSession,
        settings: LiveSettings,
        dialler: Dialler[LiveConnection],
        listener: SessionListener,
        timing: LiveTiming,
        rate_hz: int,
    ) -> None:
        super().__init__("gemini", session, settings, dialler, listener, timing, rate_hz)
        self._resumption = ResumptionHandle()

    async def _send_result(
        self, connection: LiveConnection, call_id: str, name: str, result: str, *, respond: bool
    ) -> None:
        self._resumption.outdated()
        await connection.send_tool_response(call_id, name, result)

    async def _send_text(self, connection: LiveConnection, text: QueuedText) -> None:
        await connection.send_turns([content_of(text.role, text.text)], complete=True)

    async def _on_wire(self, event: WireEvent, connection: LiveConnection) -> None:
        if isinstance(event, HandleUpdate):
            self._resumption.updated(event.handle, event.resumable)

    async def _before_leaving(self, connection: LiveConnection, limit_s: float | None) -> None:
        wait_s = self._timing.handle_wait_s
        await self._resumption.wait_current(wait_s if limit_s is None else min(wait_s, limit_s))

    async def _tell_history(self, connection: LiveConnection, turns: tuple[Turn, ...]) -> int:
        contents = seed_contents(turns)
        if contents:
            await connection.send_turns(contents, complete=False)
        return len(contents)

    def _handle(self) -> tuple[str | None, bool]:
        return self._resumption.value, self._resumption.current

    def _handle_refused(self) -> None:
        self._resumption.refused()

    def _wake(self) -> None:
        super()._wake()
        self._resumption.connection_lost()

    def _adopted(self, connection: LiveConnection) -> list[Trouble]:
        self._resumption.connected()
        if connection.set_up:
            return []
        return [Trouble("first_frame_lost", "gemini: the first frame of the connection was not setupComplete")]
