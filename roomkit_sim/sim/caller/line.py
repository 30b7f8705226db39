"""The phone line: what an application under test answers, and what its caller talks on."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from roomkit_sim.errors import AppError, ConfigurationError
from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.audio.pcm import Samples, from_bytes, nanoseconds, sample_at, to_bytes
from roomkit_sim.sim.caller.audible_runs import AudibleRuns
from roomkit_sim.sim.caller.microphone import Microphone
from roomkit_sim.sim.caller.playout import Playout
from roomkit_sim.sim.caller.voices import Ear, VoiceTracker
from roomkit_sim.sim.trace.recorder import TraceSink
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import AudioReceivedCallback, ClientDisconnectedCallback, VoiceBackend
from roomkit_sim.voice.base import VoiceSession

__all__ = ["LineConnection", "LineTransport", "PhoneLine", "environment_secret", "simulated_secret"]


@dataclass(frozen=True, eq=False)
class LineConnection:
    """Stands for the call in ``start_session(connection=...)``; the application only hands it on."""

    call_id: str


class LineTransport(VoiceBackend):
    """One phone line as the runtime's transport. It carries exactly one call.

    Positions are samples at the line's rate since the start of the run; a position and a time of the run's clock are
    the same thing. The caller's frames leave when their last sample is spoken. What the application sends plays from
    the moment it arrives, at the pace of the line.

    Args:
        call_id: The call.
        rate_hz: Of the PCM16 mono in both directions.
        now_ns: Nanoseconds since the start of the run.
        noise: Where the line's noise floor is drawn from.
        sink: Where ``line`` events go.
        ear: Names the voices that are heard; it may learn more during the call.
    """

    def __init__(
        self,
        *,
        call_id: str,
        rate_hz: int,
        now_ns: Callable[[], int],
        noise: np.random.Generator,
        sink: TraceSink,
        ear: Ear | None = None,
    ) -> None:
        self.connection = LineConnection(call_id)
        self.rate_hz = rate_hz
        self._now_ns = now_ns
        self._noise = noise
        self._sink = sink
        self._session: VoiceSession | None = None
        self._microphone: Microphone | None = None
        self._playout = Playout(rate_hz)
        self._tracker = VoiceTracker(rate_hz, ear or VoiceIdentifier())
        self._runs = AudibleRuns(rate_hz, self._tracker, self._call_at, lambda: self.position, sink)
        self._muted = False
        self._ended: int | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._until_end: list[asyncio.Future[None]] = []
        self._audio_callbacks: list[AudioReceivedCallback] = []
        self._disconnect_callbacks: list[ClientDisconnectedCallback] = []

    # -- what the runtime asks of a transport

    @property
    def name(self) -> str:
        """``"phone-line"``."""
        return "phone-line"

    async def accept(self, session: VoiceSession, connection: object) -> None:
        """Connect the line to a session: the caller can be heard from now on.

        Raises:
            AppError: It is not this line's connection, or the line is connected already.
        """
        if connection is not self.connection:
            raise AppError(
                f"call {self.connection.call_id!r}: start_session() got connection={connection!r}; "
                f"hand it the line's own: connection=line.connection"
            )
        if self._session is not None:
            raise AppError(f"call {self.connection.call_id!r}: the line carries one session and already has one")
        session.metadata["transport_sample_rate"] = self.rate_hz
        self._session = session
        self._microphone = Microphone(self.rate_hz, self._noise, self.position)
        self._sink.emit("line", "connected", rate_hz=self.rate_hz, start_sample=self._microphone.start)
        self.notice_change()

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Play ``audio`` after what is playing, or now. After the call has ended it is heard by nobody."""
        samples = from_bytes(audio)
        if self._ended is not None or not len(samples):
            return
        placed, audible = self._playout.append(samples, self.position)
        for span in audible:
            begin, end = span.start_sample - placed.start_sample, span.end_sample - placed.start_sample
            self._runs.hear(span, samples[begin:end])
        self.notice_change()

    async def send_message(self, session: VoiceSession, message: dict[str, Any]) -> None:
        """Write down what the caller's client is told that was said."""
        if message.get("type") == "transcription" and message.get("is_final") is True:
            self._sink.emit("line", "transcript", role=str(message.get("role")), text=str(message.get("text")))

    async def disconnect(self, session: VoiceSession) -> None:
        """The application hangs up."""
        self._end("app")

    def interrupt(self, session: VoiceSession) -> None:
        """Drop what is not played yet."""
        now = self.position
        dropped = self._playout.drop_unplayed(now)
        if not dropped:
            return
        self._tracker.cut(now)
        self._runs.cut(now)
        self._sink.emit("line", "effect", effect="interrupt", at_sample=now, dropped_samples=dropped)
        self.notice_change()

    def set_input_muted(self, session: VoiceSession, muted: bool) -> None:
        """While muted, the caller's frames are not delivered; the caller's track still has them."""
        if muted != self._muted:
            self._muted = muted
            self._sink.emit("line", "effect", effect="input_muted", muted=muted, at_sample=self.position)

    async def wait_played(self, session: VoiceSession) -> None:
        """Wait until all that was sent is played, or the call is over."""
        await self.until(lambda now: self._playout.end_sample, None)

    def on_audio_received(self, callback: AudioReceivedCallback) -> None:
        """Register who gets the caller's frames."""
        self._audio_callbacks.append(callback)

    def on_client_disconnected(self, callback: ClientDisconnectedCallback) -> None:
        """Register who is told when the caller hangs up."""
        self._disconnect_callbacks.append(callback)

    # -- what the caller does on it

    @property
    def position(self) -> int:
        """The sample that is spoken and heard now."""
        return sample_at(self._now_ns(), self.rate_hz)

    @property
    def connected(self) -> bool:
        """Whether the application has answered, and nobody has hung up."""
        return self._session is not None and self._ended is None

    @property
    def ended(self) -> bool:
        """Whether somebody has hung up."""
        return self._ended is not None

    async def wait_connected(self) -> bool:
        """Wait until the application has answered; false if the line ended before."""
        return await self.until(lambda now: now if self._session is not None else None, None)

    def speak(self, samples: Samples) -> int:
        """Say something, from now on.

        Returns:
            The position of its first sample.

        Raises:
            AppError: Nobody has answered.
        """
        if self._microphone is None:
            raise AppError(f"call {self.connection.call_id!r}: the caller speaks, but nobody has answered")
        position = max(self.position, self._microphone.captured)
        self._microphone.speak(samples, position)
        return position

    async def carry(self) -> None:
        """Deliver the caller's frames, each when its last sample is spoken, until the call ends.

        A frame that is late, because the one before was not taken in time, follows at once; none is left out.
        """
        await self.wait_connected()
        microphone, session = self._microphone, self._session
        if microphone is None or session is None:
            return
        while self._ended is None:
            await self.sleep_until(microphone.captured + microphone.frame_samples)
            if self._ended is None:
                await self._deliver(session, microphone.captured, microphone.next_frame())

    async def hang_up(self) -> None:
        """The caller hangs up; the application is told."""
        if not self._end("caller") or self._session is None:
            return
        for callback in tuple(self._disconnect_callbacks):
            result = callback(self._session)
            if inspect.isawaitable(result):
                await result

    def stop(self) -> None:
        """The run is over: the line ends without anybody being told."""
        self._end("run")

    async def wait_speech(self, voices: tuple[str, ...] | Callable[[], tuple[str, ...]] | None, within_ns: int) -> bool:
        """Wait until an agent is heard.

        Args:
            voices: Only these voices count, or those that the function names when it is asked; ``None``: any sound.
            within_ns: Give up after this long.
        """
        since = self.position
        if voices is None:
            return await self.until(lambda now: self._playout.next_audible(since), within_ns)
        wanted = voices if callable(voices) else lambda: voices
        return await self.until(lambda now: self._tracker.next_heard(wanted(), since), within_ns)

    async def wait_silence(self, length_ns: int, within_ns: int) -> bool:
        """Wait until nothing was heard for ``length_ns`` after an agent spoke; give up after ``within_ns``."""
        length = sample_at(length_ns, self.rate_hz)
        return await self.until(lambda now: self._playout.quiet_since(now, length), within_ns)

    def agent_voice(self) -> str | None:
        """The voice that is heard now, if one is and it is known."""
        now = self.position
        parts = [part for part in self._tracker.parts if part.start_sample <= now < part.end_sample]
        return parts[-1].voice if parts else None

    async def sleep_until(self, position: int) -> None:
        """Sleep until ``position`` is reached; not at all if it is past."""
        delay_ns = nanoseconds(position, self.rate_hz) - self._now_ns()
        if delay_ns > 0:
            await asyncio.sleep(delay_ns / 1e9)

    async def reach(self, position: int) -> bool:
        """Wait for a position; false if the call ended before. What is sent meanwhile does not matter."""
        while self._ended is None:
            now_ns, due_ns = self._now_ns(), nanoseconds(position, self.rate_hz)
            if due_ns <= now_ns:
                return True
            await _sleep_in(self._until_end, due_ns - now_ns)
        return False

    async def until(self, when: Callable[[int], int | None], within_ns: int | None) -> bool:
        """Wait for something that follows from what was sent.

        Args:
            when: Given the position of now, tells the position at which it happens as far as is known, or ``None``. It
                is asked again whenever something changes.
            within_ns: Give up after this long.

        Returns:
            Whether it happened; false when time is up or the call ended.
        """
        deadline_ns = None if within_ns is None else self._now_ns() + within_ns
        while self._ended is None:
            due = when(self.position)
            if due is not None and due <= self.position:
                return True
            if deadline_ns is not None and deadline_ns <= self._now_ns():
                return False
            due_ns = None if due is None else nanoseconds(due, self.rate_hz)
            await self._change_or([moment for moment in (due_ns, deadline_ns) if moment is not None])
        return False

    # -- the two tracks

    @property
    def length(self) -> int:
        """The position at which the call ended, or now."""
        return self.position if self._ended is None else self._ended

    def caller_track(self) -> Samples:
        """What the caller said, with the line's noise, from the start of the run to the end of the call."""
        if self._microphone is None:
            return np.zeros(self.length, dtype=np.int16)
        return self._microphone.track(self.length)

    def agent_track(self) -> Samples:
        """What the caller heard, from the start of the run to the end of the call."""
        return self._playout.track(self.length)

    # -- inside

    async def _deliver(self, session: VoiceSession, position: int, frame: Samples) -> None:
        if self._muted:
            return
        audio = AudioFrame(to_bytes(frame), self.rate_hz, timestamp_ms=position * 1000 / self.rate_hz)
        for callback in tuple(self._audio_callbacks):
            result = callback(session, audio)
            if inspect.isawaitable(result):
                await result

    def _end(self, by: str) -> bool:
        if self._ended is not None:
            return False
        self._ended = self.position
        self._playout.drop_unplayed(self._ended)
        self._runs.close(self._ended)
        self._sink.emit("line", "disconnected", by=by, at_sample=self._ended)
        self.notice_change()
        for waiter in self._until_end:
            _wake(waiter)
        return True

    def _call_at(self, position: int, act: Callable[[], None]) -> asyncio.TimerHandle:
        delay_ns = nanoseconds(position, self.rate_hz) - self._now_ns()
        return asyncio.get_running_loop().call_later(max(delay_ns, 0) / 1e9, act)

    async def _change_or(self, moments_ns: list[int]) -> None:
        """Sleep until something changes, or the earliest of ``moments_ns``."""
        await _sleep_in(self._waiters, min(moments_ns) - self._now_ns() if moments_ns else None)

    def notice_change(self) -> None:
        """Ask all waits again whether what they wait for has happened."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            _wake(waiter)


async def _sleep_in(waiters: list[asyncio.Future[None]], delay_ns: int | None) -> None:
    """Sleep for a time, or until somebody wakes those in ``waiters``."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    waiters.append(waiter)
    timer = None if delay_ns is None else loop.call_later(max(delay_ns, 0) / 1e9, _wake, waiter)
    try:
        await waiter
    finally:
        if timer is not None:
            timer.cancel()
        with suppress(ValueError):
            waiters.remove(waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def simulated_secret(name: str) -> str:
    """A placeholder for a secret, in simulation and replay."""
    return f"simulated-{name}"


def environment_secret(name: str) -> str:
    """A secret from the environment, for live calls.

    Raises:
        ConfigurationError: It is not set.
    """
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(f"live calls need the environment variable {name}; it is not set")
    return value


@dataclass(frozen=True)
class PhoneLine:
    """What an application under test gets: one call to answer.

    Args:
        call_id: Unique in the run, and the same whenever the run is repeated with its seed.
        transport: To be handed to the voice channel.
        sample_rate_hz: Of the caller's PCM16 mono.
        connection: To be handed to ``start_session``.
        secrets: Where :meth:`secret` gets values from.
    """

    call_id: str
    transport: VoiceBackend
    sample_rate_hz: int
    connection: LineConnection
    secrets: Callable[[str], str] = field(default=simulated_secret, repr=False)

    def secret(self, name: str) -> str:
        """The value of a secret such as ``GEMINI_API_KEY``: a placeholder unless the call is live."""
        return self.secrets(name)
