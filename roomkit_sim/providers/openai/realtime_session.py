"""A conversation over the OpenAI Realtime API: what its service does its own way.

There is no resumption: a new connection is a new conversation and is told what was said. So whatever can be changed
inside a connection is changed there, and only another voice takes another connection. At most one answer is open at a
time; who wants one waits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from roomkit_sim.errors import ProviderError
from roomkit_sim.providers.openai.realtime_config import RATE_HZ
from roomkit_sim.providers.openai.realtime_connection import RealtimeConnection
from roomkit_sim.providers.openai.realtime_events import BadCall, SessionState
from roomkit_sim.providers.openai.realtime_failures import PROVIDER, ServiceError
from roomkit_sim.providers.openai.realtime_items import message_item, result_item, seed_items
from roomkit_sim.providers.openai.realtime_ledger import Cut
from roomkit_sim.providers.realtime.connection import Dialler, SessionListener
from roomkit_sim.providers.realtime.events import Trouble, WireEvent
from roomkit_sim.providers.realtime.history import Turn
from roomkit_sim.providers.realtime.session import LiveSession, QueuedText
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.resampler import StreamResampler

__all__ = ["RealtimeSession"]


class RealtimeSession(LiveSession[RealtimeConnection]):
    """The conversation of one caller.

    Args:
        session: The voice session.
        settings: What to configure the first connection with.
        dialler: Opens connections.
        listener: Told what happens.
        timing: How long to wait for what.
        rate_hz: Sample rate of the caller's audio.
        in_session_update: Whether the model can be configured anew inside a connection.
    """

    def __init__(
        self,
        session: VoiceSession,
        settings: LiveSettings,
        dialler: Dialler[RealtimeConnection],
        listener: SessionListener,
        timing: LiveTiming,
        rate_hz: int,
        *,
        in_session_update: bool = True,
    ) -> None:
        super().__init__(PROVIDER, session, settings, dialler, listener, timing, RATE_HZ)
        self._resampler = StreamResampler(rate_hz, RATE_HZ)
        self._in_session_update = in_session_update
        self._answer_wanted = False
        self._silenced = False
        self._asked_update: _Update | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def send_audio(self, pcm: bytes) -> None:
        """Let the model hear ``pcm``, now or once there is a connection."""
        await super().send_audio(self._resampler.feed(pcm))

    async def interrupt(self) -> None:
        """Stop the model's answer, if one is open."""
        connection = self._connection
        if connection is not None and connection.normaliser.is_answering:
            given = connection.normaliser.cancelled()
            await connection.send({"type": "response.cancel"})
            if given is not None:
                await self._cut(connection, given)

    async def respond(self) -> None:
        """Ask for an answer as soon as one may be asked for."""
        if not self._ended:
            self._answer_wanted = True
            await self._send_requests()

    async def truncate(self, unplayed_ms: float) -> None:
        """Take what the caller did not hear out of the conversation."""
        connection = self._connection
        if connection is None or self._ended:
            return
        for cut in connection.normaliser.ledger.cut_off(unplayed_ms):
            await self._cut(connection, cut)

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a raw event of the API.

        Raises:
            ProviderError: There is no connection, or it could not be sent.
        """
        self._require_alive()
        if self._connection is None:
            raise ProviderError("openai: there is no connection to send an event on", retryable=True, provider=PROVIDER)
        await self._connection.send(event)

    async def _cut(self, connection: RealtimeConnection, cut: Cut) -> None:
        await connection.send(
            {
                "type": "conversation.item.truncate",
                "item_id": cut.item_id,
                "content_index": cut.content_index,
                "audio_end_ms": cut.audio_end_ms,
            }
        )

    # What is asked of the model

    async def _send_result(
        self, connection: RealtimeConnection, call_id: str, name: str, result: str, *, respond: bool
    ) -> None:
        await connection.send_item(result_item(call_id, result))
        # Calls that came together are answered together: one that hands the caller over silences all of them.
        self._silenced = self._silenced or not respond
        self._answer_wanted = respond and not self._silenced
        if not self._calls:
            self._silenced = False

    async def _send_text(self, connection: RealtimeConnection, text: QueuedText) -> None:
        self._answer_wanted = False
        await connection.ask(message_item(text.role, text.text))

    async def _send_requests(self) -> None:
        connection = self._free_connection()
        if self._answer_wanted and not self._texts and connection is not None:
            self._answer_wanted = False
            await connection.ask()
            return
        await super()._send_requests()

    # What the service says

    async def _on_wire(self, event: WireEvent, connection: RealtimeConnection) -> None:
        match event:
            case SessionState():
                connection.state = event.session
                if self._asked_update is not None:
                    self._asked_update.accepted = True
            case BadCall():
                await self._refuse_call(event, connection)
            case ServiceError():
                await self._complaint(event)

    async def _refuse_call(self, call: BadCall, connection: RealtimeConnection) -> None:
        message = f"the arguments of {call.name!r} are not a JSON object"
        await self._fail("bad_arguments", f"openai: {message}; the model was told")
        if self._calls.opened(call.call_id, call.name) == "new":
            self._calls.answered(call.call_id)
            error = json.dumps({"error": f"{message}: call it again with valid arguments"})
            await self._send_result(connection, call.call_id, call.name, error, respond=True)
            await self._send_requests()

    async def _complaint(self, error: ServiceError) -> None:
        if error.is_harmless:
            return
        if self._asked_update is not None and error.about == self._asked_update.event_id:
            self._asked_update.refusal = error
            return
        if error.is_busy:
            # The service began an answer by itself when ours was on its way; ours follows it.
            self._answer_wanted = True
            await self._send_requests()
            return
        if error.ends_session:
            self._go_away_announced = True
        await self._fail(error.code, f"openai: {error.message or error.code}")
        await self._send_requests()

    # How connections follow each other

    async def _update_inside(self, connection: RealtimeConnection, settings: LiveSettings) -> bool:
        if not self._in_session_update or not connection.can_become(settings):
            return False
        if not await self._answer_over(connection):
            return False
        try:
            update = self._asked_update = _Update(await connection.update(settings))
            await self._wait_until(
                lambda: update.accepted or update.refusal is not None, connection, self._timing.update_timeout_s
            )
        except ProviderError:
            return False
        finally:
            self._asked_update = None
        if update.refusal is not None:
            await self._fail(update.refusal.code, f"openai: the update was refused: {update.refusal.message}")
        if not update.accepted:
            return False
        connection.settings = settings
        connection.normaliser.configured(settings)
        if connection.differs:
            await self._fail("update_not_applied", f"openai: after an update the session differs: {connection.differs}")
            return False
        await self._step("updated", "inside the connection: the voice stays")
        return True

    async def _answer_over(self, connection: RealtimeConnection) -> bool:
        """Let an answer that is open end, or else cancel it: it is the former agent's."""
        wait_s = self._timing.response_wait_s
        if await self._wait_until(lambda: not connection.responding, connection, wait_s):
            return True
        try:
            await self.interrupt()
        except ProviderError:
            return False
        return await self._wait_until(lambda: not connection.responding, connection, wait_s)

    async def _before_leaving(self, connection: RealtimeConnection, limit_s: float | None) -> None:
        if not self._may_overlap():
            await self._settled(limit_s)

    async def _before_telling(self) -> None:
        await self._settled(None)

    async def _settled(self, limit_s: float | None) -> None:
        """Wait for the end of an answer and for the transcript of the caller's last words."""
        connection = self._connection
        if connection is None:
            return
        wait_s = self._timing.response_wait_s
        await self._wait_until(
            lambda: not (connection.responding or connection.normaliser.order.expects_words),
            connection,
            wait_s if limit_s is None else min(wait_s, limit_s),
        )

    async def _tell_history(self, connection: RealtimeConnection, turns: tuple[Turn, ...]) -> int:
        items = seed_items(turns)
        for item in items:
            await connection.send_item(item)
        return len(items)

    def _adopted(self, connection: RealtimeConnection) -> list[Trouble]:
        self._answer_wanted = self._silenced = False
        if self._expiry is not None:
            self._expiry.cancel()
        left_s = connection.expires_in_s
        notice_s = min(self._timing.go_away_notice_s, left_s / 2)
        self._expiry = asyncio.get_running_loop().call_later(left_s - notice_s, self._expires, connection, notice_s)
        if not connection.differs:
            return []
        return [Trouble("configuration_not_applied", f"openai: the session differs: {connection.differs}")]

    def _expires(self, connection: RealtimeConnection, left_s: float) -> None:
        if self._connection is connection and not self._ended:
            self._tasks.spawn(self._go_away(int(left_s * 1e9), connection), name="leave before the session expires")

    def _wake(self) -> None:
        super()._wake()
        if self._ended and self._expiry is not None:
            self._expiry.cancel()


class _Update:
    """A change inside a connection that waits for its acknowledgement."""

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.accepted = False
        self.refusal: ServiceError | None = None
