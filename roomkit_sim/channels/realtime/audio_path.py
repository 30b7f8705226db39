"""Audio from the caller to the model and back, in order, at the right rates."""

from __future__ import annotations

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.realtime.session import LiveVoiceSession
from roomkit_sim.core.clock import monotonic_ns
from roomkit_sim.core.tasks import BackgroundTasks
from roomkit_sim.errors import ProviderError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import VoiceBackend
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider
from roomkit_sim.voice.resampler import StreamResampler

__all__ = ["AudioPath"]

_BYTES_PER_SAMPLE = 2
_MAX_WAITING_FRAMES = 1500
_METER_PERIOD_MS = 100


class AudioPath:
    """Carries the audio of all sessions of a channel.

    Args:
        provider: The model's side.
        transport: The callers' side.
        room: For level hooks and reports.
        tasks: For what must not hold up audio.
        input_rate_hz: What the provider is sent.
        output_rate_hz: What the provider sends.
    """

    def __init__(
        self,
        provider: RealtimeVoiceProvider,
        transport: VoiceBackend,
        room: RoomGateway,
        tasks: BackgroundTasks,
        input_rate_hz: int,
        output_rate_hz: int,
    ) -> None:
        self._provider = provider
        self._transport = transport
        self._room = room
        self._tasks = tasks
        self._input_rate_hz = input_rate_hz
        self._output_rate_hz = output_rate_hz

    def prepare(self, live: LiveVoiceSession, line_rate_hz: int | None) -> None:
        """Set up the rates of a session whose line runs at ``line_rate_hz``, or at the provider's where unknown."""
        live.line_rate_hz = line_rate_hz or self._output_rate_hz
        live.inwards = None
        live.outwards = (
            None
            if live.line_rate_hz == self._output_rate_hz
            else StreamResampler(self._output_rate_hz, live.line_rate_hz)
        )

    # From the caller

    def from_caller(self, live: LiveVoiceSession, frame: AudioFrame) -> None:
        """Take a frame. Never blocks."""
        if not live.hears_caller:
            return
        pcm = frame.data
        if frame.sample_rate != self._input_rate_hz:
            if live.inwards is None or live.inwards.from_hz != frame.sample_rate:
                live.inwards = StreamResampler(frame.sample_rate, self._input_rate_hz)
            pcm = live.inwards.feed(pcm)
        self._meter(live, frame)
        self._bound(live)
        live.caller_audio.put(pcm)

    async def to_model(self, live: LiveVoiceSession, pcm: bytes) -> None:
        """Send one chunk to the provider."""
        if pcm:
            await self._provider.send_audio(live.session, pcm)

    # From the model

    def from_model(self, live: LiveVoiceSession, pcm: bytes) -> None:
        """Take a chunk of the model's answer. Never blocks."""
        if live.gate.open and live.hears_model:
            live.model_audio.put((live.generation, pcm))

    def end_of_answer(self, live: LiveVoiceSession) -> None:
        """The answer is complete: tell the line once it has all of it."""
        live.model_audio.put((live.generation, None))

    async def to_caller(self, live: LiveVoiceSession, item: tuple[int, bytes | None]) -> None:
        """Send one chunk to the line, unless it became void meanwhile; ``None`` is the end of an answer."""
        generation, pcm = item
        if generation != live.generation:
            return
        if pcm is None:
            self._transport.end_of_response(live.session)
            return
        if live.outwards is not None:
            pcm = live.outwards.feed(pcm)
        if not pcm:
            return
        samples = len(pcm) // _BYTES_PER_SAMPLE
        live.playout.sent(samples * 1_000_000_000 // live.line_rate_hz, monotonic_ns())
        await self._transport.send_audio(live.session, pcm)

    def interrupt(self, live: LiveVoiceSession) -> float:
        """The caller speaks: what the model has said and the caller not yet heard is void.

        Returns:
            How much was not played, on the line and on the way to it, in milliseconds.
        """
        waiting = [pcm for generation, pcm in live.model_audio.clear() if pcm and generation == live.generation]
        waiting_ms = sum(map(len, waiting)) * 1000 / (_BYTES_PER_SAMPLE * self._output_rate_hz)
        live.generation += 1
        live.gate.speech_started()
        if live.outwards is not None:
            live.outwards.reset()
        self._transport.interrupt(live.session)
        unplayed_ms = waiting_ms + live.playout.interrupted(monotonic_ns()) / 1e6
        if unplayed_ms > 0 and self._provider.capabilities.truncation:
            self._tasks.spawn(self._provider.truncate(live.session, unplayed_ms), name="tell what was not heard")
        return unplayed_ms

    # When the caller's standing changes

    def stop_hearing(self, live: LiveVoiceSession) -> None:
        """The caller is not heard any more: what the model has not been sent, it never is."""
        live.caller_audio.clear()
        live.inwards = None

    def begin_with_next_answer(self, live: LiveVoiceSession) -> None:
        """What the model is saying now is not for the caller, neither what is queued nor the rest of it."""
        live.model_audio.clear()
        live.generation += 1
        live.gate.speech_started()
        if live.outwards is not None:
            live.outwards.reset()

    def silence(self, live: LiveVoiceSession) -> None:
        """The caller hears nothing from this moment."""
        self.begin_with_next_answer(live)
        live.playout.interrupted(monotonic_ns())
        try:
            self._transport.interrupt(live.session)
        except Exception as error:
            work = self._room.report(live.session, "interrupting the line", error)
            self._tasks.spawn(work, name="report a line that cannot be interrupted")

    # Small parts

    def _bound(self, live: LiveVoiceSession) -> None:
        """A provider that takes nothing for half a minute must not eat all memory, nor lose audio unseen."""
        if len(live.caller_audio) < _MAX_WAITING_FRAMES:
            live.dropping = False
            return
        live.caller_audio.drop_oldest()
        if not live.dropping:
            live.dropping = True
            error = ProviderError(
                f"the provider {self._provider.name} takes no audio: the oldest of the caller's is dropped"
            )
            self._tasks.spawn(self._room.report(live.session, "audio to the provider", error), name="report audio loss")

    def _meter(self, live: LiveVoiceSession, frame: AudioFrame) -> None:
        live.metered_bytes += len(frame.data)
        if live.metered_bytes * 1000 < _METER_PERIOD_MS * frame.sample_rate * _BYTES_PER_SAMPLE:
            return
        live.metered_bytes = 0
        if self._room.has_hooks(live.session, HookTrigger.ON_INPUT_AUDIO_LEVEL):
            work = self._room.observe(live.session, HookTrigger.ON_INPUT_AUDIO_LEVEL, _level(frame.data))
            self._tasks.spawn(work, name="input level hooks")


def _level(pcm: bytes) -> dict[str, float]:
    import numpy as np

    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float64)
    rms = float(np.sqrt(np.mean(samples**2))) / 32768 if samples.size else 0.0
    return {"rms": rms, "dbfs": 20 * float(np.log10(max(rms, 1e-6)))}
