"""A conversation with Gemini Live: what its service does its own way."""

from __future__ import annotations

from dataclasses import replace

from roomkit_sim.errors import ProviderError
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
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

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
        capabilities: Of the model.
    """

    def __init__(
        self,
        session: VoiceSession,
        settings: LiveSettings,
        dialler: Dialler[LiveConnection],
        listener: SessionListener,
        timing: LiveTiming,
        rate_hz: int,
        capabilities: RealtimeCapabilities,
    ) -> None:
        super().__init__("gemini", session, settings, dialler, listener, timing, rate_hz)
        self._resumption = ResumptionHandle()
        self._capabilities = capabilities
        self._covered = 0
        self._adopted_before = False

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
            if self._resumption.current:
                self._covered = self._history.mark

    async def _update_inside(self, connection: LiveConnection, settings: LiveSettings) -> bool:
        old = connection.settings
        prompt_and_tools_only = replace(old, system_prompt=settings.system_prompt, tools=settings.tools) == settings
        if not self._capabilities.in_session_update or not prompt_and_tools_only or not settings.system_prompt:
            return False
        if not await self._wait_until(lambda: not connection.responding, connection, self._timing.response_wait_s):
            return False
        try:
            await connection.send_context_update(settings)
        except ProviderError:
            return False
        connection.settings = settings
        await self._step("updated", "inside the connection: the voice stays; the service does not acknowledge it")
        return True

    async def _before_leaving(self, connection: LiveConnection, limit_s: float | None) -> None:
        if not self._capabilities.resumption:
            return
        wait_s = self._timing.handle_wait_s
        await self._wait_until(
            lambda: not self._resumption.expected, connection, wait_s if limit_s is None else min(wait_s, limit_s)
        )

    async def _tell_history(self, connection: LiveConnection, turns: tuple[Turn, ...]) -> int:
        contents = seed_contents(turns)
        if contents:
            await connection.send_turns(contents, complete=False)
        return len(contents)

    async def _tell_more(self, connection: LiveConnection, turns: tuple[Turn, ...]) -> int:
        contents = [content_of(turn.role, turn.text) for turn in turns]
        if contents:
            await connection.send_turns(contents, complete=False)
        return len(contents)

    def _handle(self) -> tuple[str | None, int | None]:
        if not self._capabilities.resumption:
            return None, None
        return self._resumption.value, None if self._resumption.current else self._covered

    def _handle_refused(self) -> None:
        self._resumption.refused()

    def _adopted(self, connection: LiveConnection) -> list[Trouble]:
        if self._adopted_before:
            self._resumption.connected()
        self._adopted_before = True
        if connection.set_up:
            return []
        return [Trouble("first_frame_lost", "gemini: the first frame of the connection was not setupComplete")]
