"""One caller's conversation over as many connections as it takes: what is said, heard, called and asked for.

How connections follow each other is in :mod:`roomkit_sim.providers.realtime.switching`, which this builds on; what
differs from service to service is in the subclasses.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic

from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError
from roomkit_sim.providers.realtime.connection import C, Dialler, SessionListener
from roomkit_sim.providers.realtime.events import (
    GoAway,
    LiveEvent,
    ResponseEnded,
    ToolCalled,
    ToolsCancelled,
    Trouble,
    WireEvent,
)
from roomkit_sim.providers.realtime.history import clean_text
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.switching import ConnectionSwitch
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState

__all__ = ["LiveSession", "QueuedText"]

_DEFECTS_IN_A_ROW = 3
"""After so many without a whole answer between them a defect is taken to be one that no other connection gets round."""


@dataclass(frozen=True, slots=True)
class QueuedText:
    """A text for the model that waits its turn."""

    text: str
    role: str


class LiveSession(ConnectionSwitch[C], Generic[C]):
    """The conversation of one caller. Arguments as of :class:`ConnectionSwitch`."""

    def __init__(
        self,
        name: str,
        session: VoiceSession,
        settings: LiveSettings,
        dialler: Dialler[C],
        listener: SessionListener,
        timing: LiveTiming,
        rate_hz: int,
    ) -> None:
        super().__init__(name, session, settings, dialler, listener, timing, rate_hz)
        self._texts: deque[QueuedText] = deque()
        self._defects = 0

    # What the provider's methods do

    async def open(self) -> None:
        """Make the first connection.

        Raises:
            ProviderConnectionError: It could not be made; the session is over.
        """
        try:
            async with self._switching:
                await self._adopt(await self._dial(None, self._timing.connect_timeout_s), "opened", "")
        except BaseException:
            await self.close()
            raise

    async def send_audio(self, pcm: bytes) -> None:
        """Let the model hear ``pcm``, now or once there is a connection."""
        connection = self._connection
        if self._ended or not pcm:
            return
        if connection is None or self._audio.holding:
            self._audio.keep(pcm)
            return
        try:
            await connection.send_audio(pcm)
        except Exception as error:
            first = not self._audio.holding
            self._audio.keep(pcm)
            if first:
                await self._fail("send_audio_failed", f"{self._name}: audio is kept: {type(error).__name__}")

    async def inject(self, text: str, role: str) -> None:
        """Say ``text`` to the model in the name of ``role`` and let it answer.

        Waits, in a queue, until the model's turn is over and no tool's result is awaited: text in between cuts off what
        it has to say, or is refused.
        """
        self._require_alive()
        text = clean_text(text)
        if not text.strip():
            return
        self._texts.append(QueuedText(text, role))
        await self._send_requests()

    async def answer(self, call_id: str, result: str, *, respond: bool = True) -> None:
        """Give the model a tool's result; nothing happens if it took the call back.

        While the connection is being replaced this waits for what becomes of it: one that is about to be left would
        take the result with it.

        Args:
            call_id: The call.
            result: The result.
            respond: Whether the model is to go on, where that is for us to say.

        Raises:
            ProviderError: No present connection waits for it.
        """
        self._require_alive()
        await self._not_replacing.wait()
        self._require_alive()
        if self._calls.was_cancelled(call_id):
            return
        name, connection = self._calls.answered(call_id), self._connection
        if name is None or connection is None:
            raise ProviderError(
                f"{self._name}: no connection of session {self._session.id} waits for the result of call {call_id!r}: "
                "the one that asked is gone, or it was answered before",
                provider=self._name,
            )
        await self._send_result(connection, call_id, name, result, respond=respond)
        self._note_quiet()
        await self._send_requests()

    async def reconfigure(self, settings: LiveSettings) -> None:
        """Go on with the conversation, configured with ``settings``.

        Raises:
            ProviderConnectionError: It did not succeed. Where the old connection could be kept the session goes on with
                it, else it has none now; it is not over.
        """
        self._require_alive()
        self.settings = settings
        # What the caller says from now on is for the new configuration, what was to be said to the former one is not.
        self._audio.hold()
        self._forget_requests()
        async with self._switching:
            self._require_alive()
            try:
                await self._change_to(settings)
            except BaseException:
                if self._connection is not None and self.settings is settings:
                    self.settings = self._connection.settings
                raise
            finally:
                await self._go_on_with_what_there_is()

    async def interrupt(self) -> None:
        """Stop the model's answer, where the service does not do so by itself."""

    async def respond(self) -> None:
        """Let the model go on after silent results, where the service does not do so by itself."""

    async def truncate(self, unplayed_ms: float) -> None:
        """The caller did not hear the last ``unplayed_ms`` of what the model has said."""

    async def close(self) -> None:
        """End the session. What was said is told to the listener first; nothing is afterwards."""
        if self._ended:
            return
        if self._connection is not None:
            for event in self._connection.end():
                await self._tell(event)
        self._ended = True
        self._session.state = VoiceSessionState.ENDED
        self._wake()
        if self._dialling is not None:
            self._dialling.cancel()
        connection, self._connection = self._connection, None
        await self._tasks.cancel_all()
        if connection is not None:
            await connection.close()
        await self._closings.drain()

    # What the server says

    async def _read(self, connection: C) -> None:
        try:
            # Whoever is told may have awaited something that was cancelled: that ends no reader.
            with cancelled_only_from_outside(f"{self._name}: telling what the server says"):
                await self._take_all(connection)
        except ProviderError as error:
            await self._lost(connection, error)
        except Exception as error:
            await self._reader_failed(connection, error)

    async def _take_all(self, connection: C) -> None:
        async with aclosing(connection.events()) as events:
            async for event in events:
                if isinstance(event, ProviderProtocolError):
                    await self._fail("protocol_error", str(event))
                else:
                    await self._take(event, connection)
                if self._connection is not connection:
                    return

    async def _reader_failed(self, connection: C, error: Exception) -> None:
        """A defect: of ours, or of whoever is told. What it left undone is not known, so the connection is replaced."""
        self._defects += 1
        known = ProviderConnectionError(
            f"{self._name}: reading what the server says failed, which is a defect of the client and not of the "
            f"connection: {type(error).__name__}: {error}",
            retryable=True,
            provider=self._name,
        )
        for_good = self._defects >= _DEFECTS_IN_A_ROW
        if not for_good:
            await self._fail("internal_error", str(known))
        await self._lost(connection, known, for_good=for_good)

    async def _take(self, event: LiveEvent, connection: C) -> None:
        match event:
            case WireEvent():
                await self._on_wire(event, connection)
                self._news.set()
                return
            case Trouble():
                await self._fail(event.code, event.message)
                return
            case GoAway():
                await self._go_away(event.time_left_ns, connection)
                return
            case ToolCalled():
                opened = self._calls.opened(event.call_id, event.name, event.arguments)
                if opened == "conflict":
                    message = f"{self._name}: the model used the id {event.call_id!r} for a second call ({event.name})"
                    await self._fail("duplicate_call", f"{message}; it is not made: one result can be given")
                if opened != "new":
                    return
            case ToolsCancelled():
                self._calls.cancelled(event.call_ids)
            case _:
                self._calls.model_went_on()
        self._note_quiet()
        await self._tell(event)
        self._news.set()
        if isinstance(event, ResponseEnded):
            self._defects = 0
        if isinstance(event, ResponseEnded | ToolsCancelled):
            await self._send_requests()

    # What differs from service to service

    @abstractmethod
    async def _send_result(self, connection: C, call_id: str, name: str, result: str, *, respond: bool) -> None:
        """Answer a function call."""

    @abstractmethod
    async def _send_text(self, connection: C, text: QueuedText) -> None:
        """Say ``text`` and ask the model to answer."""

    async def _on_wire(self, event: WireEvent, connection: C) -> None:
        """Something of the service's own."""

    # Small parts

    async def _send_requests(self) -> None:
        while self._texts and (connection := self._free_connection()) is not None:
            await self._send_text(connection, self._texts.popleft())

    def _free_connection(self) -> C | None:
        """The connection, if the model may be asked for an answer now."""
        connection = self._connection
        if connection is None or connection.responding or self._calls or self._audio.holding:
            return None
        return connection

    def _forget_requests(self) -> None:
        self._texts.clear()
