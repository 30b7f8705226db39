"""One caller's conversation over as many connections as it takes.

One rule keeps it simple: whoever replaces the connection holds ``_switching`` meanwhile, and looks, once it holds it,
whether the connection that it wanted to replace is still the present one. So a loss, an announced close and a new
configuration that come together make one reconnect.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError, SessionNotFoundError
from roomkit_sim.providers.gemini.audio_ring import AudioRing
from roomkit_sim.providers.gemini.failures import PROVIDER, FailureKind, classify
from roomkit_sim.providers.gemini.history import ConversationHistory, clean_text, seed_contents
from roomkit_sim.providers.gemini.live_config import LiveSettings
from roomkit_sim.providers.gemini.live_connection import LiveConnection
from roomkit_sim.providers.gemini.live_events import (
    GoAway,
    HandleUpdate,
    LiveEvent,
    LiveNormaliser,
    ResponseEnded,
    ToolCalled,
    ToolsCancelled,
    Transcript,
)
from roomkit_sim.providers.gemini.outgoing import HeldAudio, PendingCalls, QueuedText
from roomkit_sim.providers.gemini.reconnect_policy import (
    GiveUp,
    ReconnectLimits,
    after_failure,
    first_step,
    limits_after,
    should_reconnect,
)
from roomkit_sim.providers.gemini.resumption import ResumptionHandle
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.provider import ConnectionStep

__all__ = ["Dialler", "LiveSession", "LiveTiming", "SessionListener"]

_UNSAID_TIME_LEFT_S = 5.0


@dataclass(frozen=True)
class LiveTiming:
    """How long to wait for what.

    Args:
        connect_timeout_s: For a connection to be usable.
        handle_wait_s: For a resumption handle that covers the last tool result, before a planned reconnect.
        ring_ms: How much of the caller's audio is kept while there is no connection.
        go_away_margin_s: How long before an announced close the connection is replaced at the latest.
        settle_s: How long the conversation must have been quiet before it is replaced early.
        limits: How hard to try to reconnect after a loss.
    """

    connect_timeout_s: float = 10.0
    handle_wait_s: float = 2.0
    ring_ms: int = 15_000
    go_away_margin_s: float = 1.0
    settle_s: float = 0.25
    limits: ReconnectLimits = field(default_factory=ReconnectLimits)


@dataclass(frozen=True)
class SessionListener:
    """Who is told what happens in a session.

    Args:
        happened: Something of the conversation.
        stepped: Something of the connection, with a detail.
        failed: An error that nobody awaits: its code and message.
    """

    happened: Callable[[VoiceSession, LiveEvent], Awaitable[None]]
    stepped: Callable[[VoiceSession, ConnectionStep, str], Awaitable[None]]
    failed: Callable[[VoiceSession, str, str], Awaitable[None]]


Dialler: TypeAlias = Callable[[LiveSettings, str | None], Coroutine[Any, Any, LiveConnection]]
"""Opens a connection with settings and a resumption handle, or raises ``ProviderConnectionError``."""


class LiveSession:
    """The conversation of one caller.

    Args:
        session: The voice session; its state is kept up to date.
        settings: What to configure the first connection with.
        dialler: Opens connections.
        listener: Told what happens.
        timing: How long to wait for what.
        rate_hz: Sample rate of the caller's audio.
        output_rate_hz: Sample rate of audio whose MIME type names none.
    """

    def __init__(
        self,
        session: VoiceSession,
        settings: LiveSettings,
        dialler: Dialler,
        listener: SessionListener,
        timing: LiveTiming,
        rate_hz: int,
        output_rate_hz: int = 24000,
    ) -> None:
        self._session = session
        self._settings = settings
        self._dialler = dialler
        self._listener = listener
        self._timing = timing
        self._output_rate_hz = output_rate_hz
        self._connection: LiveConnection | None = None
        self._normaliser = LiveNormaliser(default_rate_hz=output_rate_hz)
        self._audio = HeldAudio(AudioRing(timing.ring_ms, rate_hz))
        self._calls = PendingCalls()
        self._texts: deque[QueuedText] = deque()
        self._history = ConversationHistory()
        self._handle = ResumptionHandle()
        self._switching = asyncio.Lock()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._go_away_announced = False
        self._ended = False
        self._tasks = BackgroundTasks(self._task_failed)
        self._reader: asyncio.Task[None] | None = None
        self._leaver: asyncio.Task[None] | None = None
        self._dialling: asyncio.Task[LiveConnection] | None = None

    @property
    def ended(self) -> bool:
        """Whether the session is over."""
        return self._ended

    # What the provider's methods do

    async def open(self) -> None:
        """Make the first connection.

        Raises:
            ProviderConnectionError: It could not be made; the session is over.
        """
        try:
            async with self._switching:
                await self._adopt(await self._dial(None), "opened", "")
        except BaseException:
            self._ended = True
            raise

    async def send_audio(self, pcm: bytes) -> None:
        """Let the model hear ``pcm``, now or once there is a connection."""
        connection = self._connection
        if self._ended:
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
                await self._fail("send_audio_failed", f"gemini: the caller's audio is kept: {type(error).__name__}")

    async def inject(self, text: str, role: str) -> None:
        """Say ``text`` to the model in the name of ``role`` and let it answer.

        Waits, in a queue, until the model's turn is over: text in between cuts off what it has to say, and where it
        waits for a tool's result the server closes the connection.
        """
        self._require_alive()
        text = clean_text(text)
        if not text.strip():
            return
        self._texts.append(QueuedText(text, "model" if role in ("assistant", "model") else "user"))
        await self._send_texts()

    async def answer(self, call_id: str, result: str) -> None:
        """Give the model a tool's result; nothing happens if it took the call back.

        Raises:
            ProviderError: No present connection waits for it.
        """
        self._require_alive()
        if self._calls.was_cancelled(call_id):
            return
        name, connection = self._calls.answered(call_id), self._connection
        if name is None or connection is None:
            raise ProviderError(
                f"gemini: no connection of session {self._session.id} waits for the result of call {call_id!r}: "
                "the one that asked is gone, or it was answered before",
                provider=PROVIDER,
            )
        self._handle.outdated()
        await connection.send_tool_response(call_id, name, result)
        self._note_quiet()

    async def reconfigure(self, settings: LiveSettings) -> None:
        """Go on with the conversation on a connection that is configured with ``settings``.

        Raises:
            ProviderConnectionError: It could not be made. The session has no connection now; it is not over.
        """
        self._require_alive()
        self._settings = settings
        self._audio.hold()
        # What was to be said to the former configuration is not for the new one.
        self._texts.clear()
        async with self._switching:
            self._require_alive()
            if self._connection is not None:
                if self._connection.settings is settings:
                    return
                await self._handle.wait_current(self._timing.handle_wait_s)
                self._require_alive()
            await self._replace(ReconnectLimits(max_attempts=1))

    async def close(self) -> None:
        """End the session. What was said is told to the listener first; nothing is afterwards."""
        if self._ended:
            return
        for event in self._normaliser.end():
            await self._tell(event)
        self._ended = True
        self._session.state = VoiceSessionState.ENDED
        self._handle.connection_lost()
        if self._dialling is not None:
            self._dialling.cancel()
        connection, self._connection = self._connection, None
        await self._tasks.cancel_all()
        if connection is not None:
            await connection.close()

    # What the server says

    async def _read(self, connection: LiveConnection) -> None:
        normaliser = self._normaliser
        try:
            async with aclosing(connection.messages()) as messages:
                async for message in messages:
                    if isinstance(message, ProviderProtocolError):
                        await self._fail("protocol_error", str(message))
                        continue
                    for event in normaliser.feed(message):
                        await self._take(event, connection)
                    if self._connection is not connection:
                        return
        except ProviderError as error:
            await self._lost(connection, error)

    async def _take(self, event: LiveEvent, connection: LiveConnection) -> None:
        match event:
            case HandleUpdate():
                self._handle.updated(event.handle, event.resumable)
                return
            case GoAway():
                await self._go_away(event, connection)
                return
            case ToolCalled():
                self._calls.opened(event.call_id, event.name)
            case ToolsCancelled():
                self._calls.cancelled(event.call_ids)
        self._note_quiet()
        await self._tell(event)
        if isinstance(event, ResponseEnded | ToolsCancelled):
            await self._send_texts()

    async def _go_away(self, event: GoAway, connection: LiveConnection) -> None:
        self._go_away_announced = True
        left = "unknown" if event.time_left_ns is None else f"{event.time_left_ns / 1e9:g} s"
        await self._step("go_away", f"time left: {left}")
        if self._leaver is None or self._leaver.done():
            time_left_s = _UNSAID_TIME_LEFT_S if event.time_left_ns is None else event.time_left_ns / 1e9
            seconds = time_left_s - self._timing.go_away_margin_s
            self._leaver = self._tasks.spawn(self._leave(connection, max(0.0, seconds)), name="leave before go-away")

    async def _leave(self, connection: LiveConnection, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self._quiet.wait()
                    await asyncio.sleep(self._timing.settle_s)
                    if self._quiet.is_set():
                        break
        except TimeoutError:
            pass
        async with self._switching:
            if self._ended or self._connection is not connection:
                return
            self._audio.hold()
            await self._handle.wait_current(min(self._timing.handle_wait_s, self._timing.go_away_margin_s / 2))
            await self._replace_or_end(self._timing.limits)

    async def _lost(self, connection: LiveConnection, error: ProviderError) -> None:
        self._audio.hold()
        # Wakes a reconfiguration that waits for a handle from this connection.
        self._handle.connection_lost()
        if self._connection is connection and not self._ended:
            await self._step("lost", str(error))
        async with self._switching:
            if self._ended or self._connection is not connection:
                return
            kind = classify(error)
            if should_reconnect(kind, go_away_announced=self._go_away_announced):
                await self._replace_or_end(limits_after(kind, self._timing.limits))
            else:
                await self._give_up("connection_closed" if kind is FailureKind.CLOSED else "connection_denied", error)

    # How connections follow each other; all of it runs under _switching

    async def _replace(self, limits: ReconnectLimits) -> None:
        old, self._connection = self._connection, None
        self._session.state = VoiceSessionState.CONNECTING
        self._audio.hold()
        await self._stop(self._reader)
        await self._stop(self._leaver)
        for event in self._normaliser.end():
            await self._tell(event)
        self._calls.connection_gone()
        if old is not None:
            await old.close()
        await self._dial_until_connected(limits)

    async def _replace_or_end(self, limits: ReconnectLimits) -> None:
        try:
            await self._replace(limits)
        except ProviderError as error:
            await self._give_up("max_reconnects", error)

    async def _dial_until_connected(self, limits: ReconnectLimits) -> None:
        current = self._handle.current
        cycle, step = first_step(self._handle.value, limits)
        while True:
            await self._step("reconnecting", f"attempt {step.attempt}")
            await asyncio.sleep(step.delay_s)
            try:
                connection = await self._dial(step.handle)
                became, detail = await self._rehydrate(connection, step.handle, current)
                break
            except ProviderConnectionError as error:
                self._require_alive()
                cycle, following = after_failure(cycle, classify(error))
                if isinstance(following, GiveUp):
                    raise ProviderConnectionError(
                        f"gemini: session {self._session.id} could not be reconnected: {following.reason}; {error}",
                        retryable=error.retryable,
                        provider=PROVIDER,
                        status_code=error.status_code,
                    ) from error
                step = following
                if cycle.handle_refused:
                    self._handle.refused()
        await self._adopt(connection, became, detail)

    async def _dial(self, handle: str | None) -> LiveConnection:
        """Dial in a task of its own, so that a hang-up can stop it whoever waits for it."""
        self._require_alive()
        task = asyncio.ensure_future(self._dialler(self._settings, handle))
        self._dialling = task
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and task.exception() is None:
                await task.result().close()
            raise
        finally:
            self._dialling = None
        if task.cancelled():
            raise self._over()
        return task.result()

    async def _rehydrate(
        self, connection: LiveConnection, handle: str | None, current: bool
    ) -> tuple[ConnectionStep, str]:
        if handle is not None:
            return "resumed", "" if current else "the handle does not cover the last exchange"
        contents = seed_contents(self._history.turns)
        if not contents:
            return "fresh", "nothing had been said"
        try:
            await connection.send_turns(contents, complete=False)
        except ProviderError as error:
            await connection.close()
            raise ProviderConnectionError(
                str(error), retryable=error.retryable, provider=PROVIDER, status_code=error.status_code
            ) from error
        return "reseeded", f"{len(contents)} turns told again"

    async def _adopt(self, connection: LiveConnection, step: ConnectionStep, detail: str) -> None:
        if self._ended:
            await connection.close()
            raise self._over()
        self._connection = connection
        self._handle.connected()
        self._session.provider_session_id = connection.session_id or self._session.provider_session_id
        self._go_away_announced = False
        self._normaliser = LiveNormaliser(
            default_rate_hz=self._output_rate_hz, interruptible=connection.settings.interruptible
        )
        self._note_quiet()
        self._reader = self._tasks.spawn(self._read(connection), name="read from the server")
        await self._step(step, detail)
        if not connection.set_up:
            await self._fail("first_frame_lost", "gemini: the first frame of the connection was not setupComplete")
        if await self._audio.flush(connection) and not self._ended:
            self._session.state = VoiceSessionState.ACTIVE
        dropped_ms = self._audio.take_dropped_ms()
        if dropped_ms:
            await self._fail("audio_dropped", f"gemini: {dropped_ms:.0f} ms of the caller's audio could not be kept")
        await self._send_texts()

    async def _give_up(self, code: str, error: ProviderError) -> None:
        connection, self._connection = self._connection, None
        for event in self._normaliser.end():
            await self._tell(event)
        await self._fail(code, str(error))
        await self._step("closed", str(error))
        self._ended = True
        self._session.state = VoiceSessionState.ENDED
        await self._stop(self._reader)
        await self._stop(self._leaver)
        if connection is not None:
            await connection.close()

    # Small parts

    async def _send_texts(self) -> None:
        from google.genai import types

        while self._texts and self._connection is not None and not self._normaliser.responding and not self._calls:
            if self._audio.holding:
                return
            text = self._texts.popleft()
            content = types.Content(role=text.role, parts=[types.Part(text=text.text)])
            await self._connection.send_turns([content], complete=True)

    async def _tell(self, event: LiveEvent) -> None:
        if self._ended:
            return
        if isinstance(event, Transcript) and event.final:
            self._history.add("user" if event.role == "user" else "model", event.text)
        await self._listener.happened(self._session, event)

    async def _step(self, step: ConnectionStep, detail: str) -> None:
        if not self._ended:
            await self._listener.stepped(self._session, step, detail)

    async def _fail(self, code: str, message: str) -> None:
        if not self._ended:
            await self._listener.failed(self._session, code, message)

    async def _task_failed(self, name: str, error: BaseException) -> None:
        known = error if isinstance(error, ProviderError) else ProviderError(f"gemini: {name} failed: {error!r}")
        if not self._ended:
            await self._give_up("internal_error", known)

    async def _stop(self, task: asyncio.Task[Any] | None) -> None:
        if task is None or task is asyncio.current_task() or task.done():
            return
        task.cancel()
        await asyncio.wait({task})

    def _note_quiet(self) -> None:
        if self._calls or self._normaliser.responding:
            self._quiet.clear()
        else:
            self._quiet.set()

    def _require_alive(self) -> None:
        if self._ended:
            raise self._over()

    def _over(self) -> SessionNotFoundError:
        return SessionNotFoundError(f"gemini: session {self._session.id} has ended")
