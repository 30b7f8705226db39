"""Says things to callers: one at a time, each to its end or until something stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TypeAlias

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.voice_parts.call import LiveCall
from roomkit_sim.channels.voice_parts.iteration import closing
from roomkit_sim.channels.voice_parts.playback import Playback, TTSPlaybackState
from roomkit_sim.core.cancellation import cancelled_only_from_outside
from roomkit_sim.core.clock import now
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.events import TTSCancelledEvent
from roomkit_sim.voice.pipeline.level import dbfs, rms
from roomkit_sim.voice.resampler import StreamResampler

__all__ = ["Source", "Speaker", "Speech", "loop_ns"]

Source: TypeAlias = AsyncIterator[str | AudioChunk]
"""What is to be said: texts, each followed by its audio."""

_METER_MS = 100


def loop_ns() -> int:
    """The time of the running loop, on which playback is reckoned, since it is also waited for on it."""
    return round(asyncio.get_running_loop().time() * 1_000_000_000)


class Speech:
    """Something that is being said.

    Args:
        voice: In which voice.
        is_tts: Whether it is synthesised, and not a recording.
        awaited: Whether somebody waits for it to be sent; a failure is theirs then.
    """

    def __init__(self, voice: str | None, *, is_tts: bool, awaited: bool) -> None:
        self.voice = voice
        self.is_tts = is_tts
        self.awaited = awaited
        self.started_at: datetime = now()
        self.playback = Playback()
        self.sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()
        self.stopped_by: str | None = None
        self.task: asyncio.Task[None] | None = None
        self.resampler: StreamResampler | None = None
        self.odd_byte = b""

    def close(self, *, spoken: bool) -> None:
        """It is over."""
        if not self.sent.done():
            self.sent.set_result(spoken)
        self.over.set()

    def state(self, session_id: str) -> TTSPlaybackState:
        """How far it is."""
        at, playback = loop_ns(), self.playback
        return TTSPlaybackState(
            session_id=session_id,
            text=playback.text,
            voice=self.voice,
            started_at=self.started_at,
            position_ms=playback.played_ns(at) / 1e6,
            total_duration_ms=playback.duration_ms,
            played_text=playback.played_text(at),
        )


class Speaker:
    """Speaks in all sessions of a channel.

    Args:
        backend: The callers' lines.
        room: For hooks and reports.
        tasks: Where speech runs, so that nobody who holds a room waits for it.
    """

    def __init__(self, backend: VoiceBackend | None, room: RoomGateway, tasks: BackgroundTasks) -> None:
        self._backend = backend
        self._room = room
        self._tasks = tasks

    def start(
        self, call: LiveCall, source: Source, *, voice: str | None, is_tts: bool = True, awaited: bool = False
    ) -> Speech:
        """Begin to say something, in place of what is being said."""
        self.stop(call, "new_tts")
        speech = Speech(voice, is_tts=is_tts, awaited=awaited)
        call.speech = speech
        speech.task = self._tasks.spawn(self._say(call, speech, source), name="speech")
        return speech

    def stop(self, call: LiveCall, reason: str) -> TTSPlaybackState | None:
        """Stop what is being said; tells how far it was. Nothing happens if nothing is."""
        speech = call.speech
        if speech is None or self._backend is None:
            return None
        state = speech.state(call.session.id)
        call.speech = None
        if speech.task is not None:
            speech.task.cancel()
        self._cancelled(call, speech, state, reason)
        try:
            self._backend.interrupt(call.session)
        except Exception as error:
            # Whatever the line makes of it, it is over here: the next speech, or the end of the session, goes on.
            self._tasks.spawn(self._room.report(call.session, "interrupting the line", error), name="report")
        return state

    async def _say(self, call: LiveCall, speech: Speech, source: Source) -> None:
        assert self._backend is not None
        try:
            with cancelled_only_from_outside("speech"):
                async with closing(source) as parts:
                    async for part in parts:
                        await self._part(call, speech, part)
                speech.playback.complete()
                self._backend.end_of_response(call.session)
                if not speech.sent.done():
                    speech.sent.set_result(True)
                await self._played(call, speech)
        except Exception as error:
            await self._failed(call, speech, error)
            return
        if call.speech is speech:
            call.speech = None
            text = speech.playback.text
            if speech.is_tts and text:
                call.events.put(lambda: self._room.observe(call.session, HookTrigger.AFTER_TTS, text))
            speech.close(spoken=True)

    async def _part(self, call: LiveCall, speech: Speech, part: str | AudioChunk) -> None:
        assert self._backend is not None
        if isinstance(part, str):
            speech.playback.begin(part)
            return
        pcm = _at_line_rate(call, speech, part)
        if pcm:
            rate_hz = call.line_rate_hz or part.sample_rate
            self._meter(call, pcm, rate_hz)
            speech.playback.sent(len(pcm) // 2 * 1_000_000_000 // rate_hz, loop_ns())
            await self._backend.send_audio(call.session, pcm)

    async def _played(self, call: LiveCall, speech: Speech) -> None:
        """Wait until the line has played all of it; a backend that knows better than the clock may take longer."""
        assert self._backend is not None
        await self._backend.wait_played(call.session)
        await asyncio.sleep(max(0, speech.playback.until_ns - loop_ns()) / 1e9)

    async def _failed(self, call: LiveCall, speech: Speech, error: Exception) -> None:
        """What has been sent is played, and can be interrupted; then the speech is over."""
        if speech.awaited and not speech.sent.done():
            speech.sent.set_exception(error)
        else:
            await self._room.report(call.session, "speech", error)
        try:
            await self._played(call, speech)
        except Exception as failure:
            await self._room.report(call.session, "waiting until speech is played", failure)
        if call.speech is speech:
            call.speech = None
            self._cancelled(call, speech, speech.state(call.session.id), "error")

    def _cancelled(self, call: LiveCall, speech: Speech, state: TTSPlaybackState, reason: str) -> None:
        speech.stopped_by = reason
        speech.close(spoken=False)
        if not speech.is_tts:
            return
        event = TTSCancelledEvent(call.session, reason, state.text, state.position_ms, state.played_text)
        call.events.put(lambda: self._room.observe(call.session, HookTrigger.ON_TTS_CANCELLED, event))

    def _meter(self, call: LiveCall, pcm: bytes, rate_hz: int) -> None:
        call.output_bytes += len(pcm)
        if call.output_bytes * 1000 < _METER_MS * rate_hz * 2:
            return
        call.output_bytes = 0
        if self._room.has_hooks(call.session, HookTrigger.ON_OUTPUT_AUDIO_LEVEL):
            level = {"rms": rms(pcm), "dbfs": dbfs(pcm)}
            call.events.put(lambda: self._room.observe(call.session, HookTrigger.ON_OUTPUT_AUDIO_LEVEL, level))


def _at_line_rate(call: LiveCall, speech: Speech, chunk: AudioChunk) -> bytes:
    """A chunk at the line's rate. Providers cut their streams anywhere, in the middle of a sample too."""
    data = speech.odd_byte + chunk.data
    whole = len(data) & ~1
    pcm, speech.odd_byte = data[:whole], data[whole:]
    rate_hz = call.line_rate_hz or chunk.sample_rate
    if rate_hz == chunk.sample_rate:
        return pcm
    if speech.resampler is None or speech.resampler.from_hz != chunk.sample_rate:
        speech.resampler = StreamResampler(chunk.sample_rate, rate_hz)
    return speech.resampler.feed(pcm)
