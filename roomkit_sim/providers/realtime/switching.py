"""How the connections of a session follow each other.

One rule keeps it simple: whoever replaces the connection holds ``_switching`` meanwhile, and looks, once it holds it,
whether the connection that it wanted to replace is still the present one. So a loss, an announced close and a new
configuration that come together make one reconnect.

A planned replacement opens the new connection first (``LiveTiming.overlap``): the old one says what it still has to say
until the new one is ready, and goes on if that one does not come about. The caller's audio is held from the beginning
of the replacement and goes to whichever connection there is in the end, so that no connection hears the half of it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic

from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.errors import ProviderConnectionError, ProviderError, SessionNotFoundError
from roomkit_sim.providers.realtime.audio_ring import AudioRing
from roomkit_sim.providers.realtime.connection import C, Dialler, SessionListener
from roomkit_sim.providers.realtime.events import LiveEvent, Transcript, Trouble
from roomkit_sim.providers.realtime.failures import FailureKind, classify
from roomkit_sim.providers.realtime.held_audio import HeldAudio
from roomkit_sim.providers.realtime.history import ConversationHistory, Turn
from roomkit_sim.providers.realtime.pending_calls import PendingCalls
from roomkit_sim.providers.realtime.reconnect_policy import (
    Dial,
    GiveUp,
    ReconnectLimits,
    after_failure,
    first_step,
    limits_after,
    should_reconnect,
)
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.provider import ConnectionStep

__all__ = ["ConnectionSwitch"]

_UNSAID_TIME_LEFT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Knows:
    """How a new connection came to know what was said: the step, its detail, and up to which mark of the history.

    With ``handle``, the service knows all of it by that handle.
    """

    step: ConnectionStep
    detail: str
    mark: int
    handle: str | None = None


class ConnectionSwitch(ABC, Generic[C]):
    """The connections of one session.

    Args:
        name: The provider's, for messages.
        session: The voice session; its state is kept up to date.
        settings: What to configure the first connection with.
        dialler: Opens connections.
        listener: Told what happens.
        timing: How long to wait for what.
        rate_hz: Sample rate of the caller's audio.
    """

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
        self.settings = settings
        self._name = name
        self._session = session
        self._dialler = dialler
        self._listener = listener
        self._timing = timing
        self._connection: C | None = None
        self._broken: C | None = None
        self._audio = HeldAudio(AudioRing(timing.ring_ms, rate_hz))
        self._calls = PendingCalls()
        self._history = ConversationHistory()
        self._switching = asyncio.Lock()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._news = asyncio.Event()
        self._not_replacing = asyncio.Event()
        self._not_replacing.set()
        self._go_away_announced = False
        self._old_may_stay_open = True
        self._ended = False
        self._tasks = BackgroundTasks(self._task_failed)
        self._closings = BackgroundTasks()
        self._reader: asyncio.Task[None] | None = None
        self._leaver: asyncio.Task[None] | None = None
        self._leaving: C | None = None
        self._dialling: asyncio.Task[C] | None = None

    @property
    def ended(self) -> bool:
        """Whether the session is over."""
        return self._ended

    # What differs from service to service

    async def _update_inside(self, connection: C, settings: LiveSettings) -> bool:
        """Configure ``connection`` anew, if that can be done inside it. False: it takes another connection."""
        return False

    async def _before_leaving(self, connection: C, limit_s: float | None) -> None:
        """Wait, at most ``limit_s`` seconds, for what the connection still has to give before it is replaced."""

    async def _before_telling(self) -> None:
        """Wait for what belongs into the history before it is told to a new connection."""

    @abstractmethod
    async def _tell_history(self, connection: C, turns: tuple[Turn, ...]) -> int:
        """Tell a new connection what was said; returns how many turns."""

    async def _tell_more(self, connection: C, turns: tuple[Turn, ...]) -> int:
        """Tell a connection that knows what was said before what was said then; returns how many turns."""
        return await self._tell_history(connection, turns)

    def _handle(self) -> tuple[str | None, int | None]:
        """The handle with which a conversation is gone on with, if any, and what it covers.

        That is all that was said up to a mark of the history; ``None`` if it covers all.
        """
        return None, None

    def _handle_refused(self) -> None:
        """The service does not take the handle."""

    def _adopted(self, connection: C) -> list[Trouble]:
        """``connection`` is the present one now. Returns what is to be complained of."""
        return []

    def _wake(self) -> None:
        """Nothing more will come on the present connection: whoever waits goes on with what there is."""
        self._news.set()

    @abstractmethod
    async def _read(self, connection: C) -> None:
        """Take what the connection says until it is left."""

    @abstractmethod
    async def _send_requests(self) -> None:
        """Ask for the answers that were waited with."""

    # Why a connection is replaced

    async def _change_to(self, settings: LiveSettings) -> None:
        """Runs under ``_switching``."""
        connection = self._connection
        if connection is not None:
            if connection.settings == settings:
                return
            if self._is_up(connection) and await self._update_inside(connection, settings):
                return
            if self._is_up(connection):
                await self._before_leaving(connection, None)
            self._require_alive()
        await self._replace(ReconnectLimits(max_attempts=1))

    async def _go_away(self, time_left_ns: int | None, connection: C) -> None:
        self._go_away_announced = True
        left = "unknown" if time_left_ns is None else f"{time_left_ns / 1e9:g} s"
        await self._step("go_away", f"time left: {left}")
        # The task that left the last connection may not have ended yet when this one is to be left.
        if self._leaver is None or self._leaver.done() or self._leaving is not connection:
            self._leaving = connection
            time_left_s = _UNSAID_TIME_LEFT_S if time_left_ns is None else time_left_ns / 1e9
            seconds = max(0.0, time_left_s - self._timing.go_away_margin_s)
            self._leaver = self._tasks.spawn(self._leave(connection, seconds), name="leave before go-away")

    async def _leave(self, connection: C, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self._quiet.wait()
                    await asyncio.sleep(self._timing.settle_s)
                    # Not all that a server says is an event.
                    self._note_quiet()
                    if self._quiet.is_set():
                        break
        except TimeoutError:
            pass
        async with self._switching:
            if self._ended or self._connection is not connection:
                return
            self._audio.hold()
            if self._is_up(connection):
                await self._before_leaving(connection, self._timing.go_away_margin_s / 2)
            await self._replace_or_end(self._timing.limits)

    async def _lost(self, connection: C, error: ProviderError, *, for_good: bool = False) -> None:
        if self._connection is not connection:
            return
        self._broken = connection
        self._audio.hold()
        self._wake()
        if not self._ended and self._dialling is None:
            await self._step("lost", str(error))
        async with self._switching:
            if self._ended or self._connection is not connection:
                return
            if for_good:
                await self._give_up("internal_error", error)
                return
            kind = classify(error)
            if should_reconnect(kind, go_away_announced=self._go_away_announced):
                await self._replace_or_end(limits_after(kind, self._timing.limits))
            else:
                await self._give_up("connection_closed" if kind is FailureKind.CLOSED else "connection_denied", error)

    # How it is replaced; all of it runs under _switching

    async def _replace(self, limits: ReconnectLimits) -> None:
        self._not_replacing.clear()
        try:
            await self._replace_now(limits)
        finally:
            self._not_replacing.set()

    async def _replace_now(self, limits: ReconnectLimits) -> None:
        self._audio.hold()
        if not self._may_overlap():
            await self._retire(at_once=True)
            self._session.state = VoiceSessionState.CONNECTING
        connection, knows = await self._dial_until_ready(limits)
        try:
            await self._retire(at_once=False)
            await self._tell_late_words(connection, knows)
            await self._adopt(connection, knows.step, knows.detail)
        except BaseException:
            if self._connection is not connection:
                await connection.close()
            raise

    async def _replace_or_end(self, limits: ReconnectLimits) -> None:
        try:
            await self._replace(limits)
        except ProviderError as error:
            if self._connection is None or not self._is_up(self._connection):
                await self._give_up("max_reconnects", error)
            else:
                await self._fail("replacement_failed", f"{error}; the old connection is used as long as it lasts")
                await self._go_on_with_what_there_is()

    async def _retire(self, *, at_once: bool) -> None:
        """Leave the present connection; ``at_once``: be sure that it is closed before another one is opened."""
        old, self._connection = self._connection, None
        if old is None:
            return
        await self._stop(self._reader)
        await self._stop(self._leaver)
        for event in old.end():
            await self._tell(event)
        self._calls.connection_gone()
        if at_once:
            await old.close()
        else:
            self._closings.spawn(old.close(), name="close the old connection")

    async def _tell_late_words(self, connection: C, knows: _Knows) -> None:
        """What became final on the old connection after the new one was told what was said."""
        late = self._history.since(knows.mark)
        if knows.handle is not None:
            # What the caller said was taken before the handle was: only its transcript is late.
            said_more = self._handle() != (knows.handle, None)
            late = tuple(turn for turn in late if said_more and turn.role == "assistant")
        if late:
            # A connection that breaks now is replaced, and its successor is told all of it.
            with suppress(ProviderError):
                await self._tell_more(connection, late)

    async def _dial_until_ready(self, limits: ReconnectLimits) -> tuple[C, _Knows]:
        # A handle that covers all covers what had been said by now, and not what the old connection goes on to say.
        (handle, covered), began = self._handle(), self._history.mark
        cycle, step = first_step(handle, limits, overlapping=self._connection is not None)
        while True:
            if step.alone:
                await self._retire(at_once=True)
                self._session.state = VoiceSessionState.CONNECTING
            await self._step("reconnecting", f"attempt {step.attempt}")
            await asyncio.sleep(step.delay_s)
            try:
                connection = await self._dial(step.handle, self._timing.timeout_s(step))
                knows = await self._rehydrate(connection, step, covered, began)
            except ProviderConnectionError as error:
                self._require_alive()
                cycle, following = after_failure(cycle, classify(error))
                if isinstance(following, GiveUp):
                    raise _renamed(
                        f"{self._name}: session {self._session.id} could not be reconnected: {following.reason}; ",
                        error,
                    ) from error
                step = following
                if cycle.handle_refused:
                    self._handle_refused()
            else:
                # It was not the handle that was refused before, but the old connection beside it.
                self._old_may_stay_open = self._old_may_stay_open and not step.alone
                return connection, knows

    async def _dial(self, handle: str | None, timeout_s: float) -> C:
        """Dial in a task of its own, so that a hang-up can stop it whoever waits for it."""
        self._require_alive()
        task = asyncio.ensure_future(self._dialler(self.settings, handle, timeout_s))
        self._dialling = task
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            # Whoever is cancelled once more goes; the connection is closed all the same.
            await self._closings.see_through(_undone(task), name="close what was dialled in vain")
            raise
        finally:
            self._dialling = None
        if task.cancelled():
            raise self._over()
        return task.result()

    async def _rehydrate(self, connection: C, step: Dial, covered: int | None, began: int) -> _Knows:
        if step.handle is not None and covered is None:
            return _Knows("resumed", "", began, step.handle)
        try:
            await self._before_telling()
            self._require_alive()
            mark = self._history.mark
            if step.handle is not None and covered is not None:
                told = await self._tell_more(connection, self._history.since(covered))
            else:
                told = await self._tell_history(connection, self._history.turns)
        except ProviderError as error:
            await connection.close()
            raise _renamed("", error) from error
        except BaseException:
            await connection.close()
            raise
        if step.handle is not None:
            lacks = "the handle does not cover the last exchange"
            return _Knows("resumed", f"{lacks}: {told} turns told again" if told else lacks, mark)
        if told:
            return _Knows("reseeded", f"{told} turns told again", mark)
        return _Knows("fresh", "nothing had been said", mark)

    async def _adopt(self, connection: C, step: ConnectionStep, detail: str) -> None:
        if self._ended:
            await connection.close()
            raise self._over()
        self._connection = connection
        self._session.provider_session_id = connection.session_id or self._session.provider_session_id
        self._go_away_announced = False
        complaints = self._adopted(connection)
        self._note_quiet()
        self._reader = self._tasks.spawn(self._read(connection), name="read from the server")
        await self._step(step, detail)
        for trouble in complaints:
            await self._fail(trouble.code, trouble.message)
        await self._go_on_with_what_there_is()

    async def _go_on_with_what_there_is(self) -> None:
        """Let held audio and held requests go to the present connection, if there is one that works."""
        connection = self._connection
        if connection is None or self._ended or not self._is_up(connection):
            return
        if await self._audio.flush(connection) and not self._ended:
            self._session.state = VoiceSessionState.ACTIVE
        dropped_ms = self._audio.take_dropped_ms()
        if dropped_ms:
            await self._fail(
                "audio_dropped", f"{self._name}: {dropped_ms:.0f} ms of the caller's audio could not be kept"
            )
        await self._send_requests()

    async def _give_up(self, code: str, error: ProviderError) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            for event in connection.end():
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

    def _may_overlap(self) -> bool:
        present = self._connection
        return present is not None and self._is_up(present) and self._timing.overlap and self._old_may_stay_open

    def _is_up(self, connection: C) -> bool:
        return connection is not self._broken

    async def _wait_until(self, met: Callable[[], bool], connection: C, seconds: float) -> bool:
        """Wait until something that the server says on ``connection`` makes ``met`` true.

        Nothing is waited for on a connection that is lost: False, as when the time is over.
        """
        try:
            async with asyncio.timeout(seconds):
                while not met() and self._is_up(connection) and not self._ended:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        return met() and self._is_up(connection)

    async def _tell(self, event: LiveEvent) -> None:
        if self._ended:
            return
        if isinstance(event, Transcript) and event.final:
            self._history.add(event.role, event.text)
        await self._listener.happened(self._session, event)

    async def _step(self, step: ConnectionStep, detail: str) -> None:
        if not self._ended:
            await self._listener.stepped(self._session, step, detail)

    async def _fail(self, code: str, message: str) -> None:
        if not self._ended:
            await self._listener.failed(self._session, code, message)

    async def _task_failed(self, name: str, error: BaseException) -> None:
        known = error if isinstance(error, ProviderError) else ProviderError(f"{self._name}: {name} failed: {error!r}")
        if not self._ended:
            await self._give_up("internal_error", known)

    async def _stop(self, task: asyncio.Task[Any] | None) -> None:
        if task is None or task is asyncio.current_task() or task.done():
            return
        task.cancel()
        await asyncio.wait({task})

    def _note_quiet(self) -> None:
        connection = self._connection
        if self._calls or (connection is not None and (connection.responding or connection.attending)):
            self._quiet.clear()
        else:
            self._quiet.set()

    def _require_alive(self) -> None:
        if self._ended:
            raise self._over()

    def _over(self) -> SessionNotFoundError:
        return SessionNotFoundError(f"{self._name}: session {self._session.id} has ended")


async def _undone(dialling: asyncio.Task[C]) -> None:
    """Stop a dial, and close its connection if it cannot be stopped any more."""
    dialling.cancel()
    await asyncio.wait({dialling})
    if not dialling.cancelled() and dialling.exception() is None:
        await dialling.result().close()


def _renamed(prefix: str, error: ProviderError) -> ProviderConnectionError:
    return ProviderConnectionError(
        f"{prefix}{error}", retryable=error.retryable, provider=error.provider, status_code=error.status_code
    )
