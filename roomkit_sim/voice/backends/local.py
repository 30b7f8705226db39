"""The machine's own microphone and loudspeaker as a line; for trying an agent out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import AudioReceivedCallback, ClientDisconnectedCallback, VoiceBackend
from roomkit_sim.voice.backends.callbacks import call_all
from roomkit_sim.voice.backends.playout_buffer import PlayoutBuffer
from roomkit_sim.voice.base import VoiceSession

__all__ = ["LocalAudioBackend"]


class LocalAudioBackend(VoiceBackend):
    """One line: the sound card, through the package ``sounddevice``.

    Nothing is opened before a session begins, so the backend can be constructed where there is no sound card.
    A loudspeaker that the microphone hears makes the agent interrupt itself: use a headset, or
    ``mute_mic_during_playback``.

    Args:
        input_sample_rate: Of the microphone, in Hz.
        output_sample_rate: Of the loudspeaker, in Hz.
        block_duration_ms: Length of the frames.
        input_device: Number or name, as ``sounddevice`` knows it; the system's default when absent.
        output_device: The same for the loudspeaker.
        mute_mic_during_playback: Hear silence while something is playing; the caller can then not interrupt.
    """

    def __init__(
        self,
        *,
        input_sample_rate: int = 16000,
        output_sample_rate: int = 24000,
        block_duration_ms: int = 20,
        input_device: int | str | None = None,
        output_device: int | str | None = None,
        mute_mic_during_playback: bool = False,
    ) -> None:
        self._input_rate_hz = input_sample_rate
        self._output_rate_hz = output_sample_rate
        self._block_ms = block_duration_ms
        self._devices = (input_device, output_device)
        self._half_duplex = mute_mic_during_playback
        self._session: VoiceSession | None = None
        self._streams: list[Any] = []
        self._muted = False
        self._buffer = PlayoutBuffer()
        self._played = asyncio.Event()
        self._heard: asyncio.Queue[AudioFrame | None] = asyncio.Queue()
        self._hearing: asyncio.Task[None] | None = None
        self._audio_callbacks: list[AudioReceivedCallback] = []

    @property
    def name(self) -> str:
        """``"local"``."""
        return "local"

    async def accept(self, session: VoiceSession, connection: Any) -> None:
        """Open microphone and loudspeaker; ``connection`` is not looked at.

        Raises:
            ConfigurationError: A session is using them, the package or the PortAudio library is missing, or there is no
                such device.
        """
        if self._session is not None:
            raise ConfigurationError("the sound card carries one session at a time: end the one that is using it first")
        session.metadata["transport_sample_rate"] = self._output_rate_hz
        self._session = session
        try:
            self._open(asyncio.get_running_loop())
        except BaseException:
            self._close_streams()
            self._session = None
            raise
        self._hearing = asyncio.get_running_loop().create_task(self._hear(session), name="microphone")

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Play ``audio`` after what is playing."""
        if session is self._session and audio:
            self._played.clear()
            self._buffer.put(audio)

    def interrupt(self, session: VoiceSession) -> None:
        """Drop what is not played yet."""
        if session is self._session:
            self._buffer.clear()
            self._played.set()

    def set_input_muted(self, session: VoiceSession, muted: bool) -> None:
        """Stop or resume hearing the microphone."""
        if session is self._session:
            self._muted = muted

    async def wait_played(self, session: VoiceSession) -> None:
        """Wait until what was sent has been given to the sound card."""
        if session is self._session and len(self._buffer):
            await self._played.wait()

    async def disconnect(self, session: VoiceSession) -> None:
        """Close microphone and loudspeaker."""
        if session is not self._session:
            return
        self._session = None
        self._close_streams()
        self._buffer.clear()
        self._played.set()
        self._heard.put_nowait(None)
        hearing, self._hearing = self._hearing, None
        if hearing is not None and hearing is not asyncio.current_task():
            hearing.cancel()

    def on_audio_received(self, callback: AudioReceivedCallback) -> None:
        """Register who gets the microphone's frames."""
        self._audio_callbacks.append(callback)

    def on_client_disconnected(self, callback: ClientDisconnectedCallback) -> None:
        """A sound card never hangs up."""

    async def close(self) -> None:
        """End the session, if there is one."""
        if self._session is not None:
            await self.disconnect(self._session)

    def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        sounddevice = _sounddevice()
        microphone, loudspeaker = self._devices
        try:
            self._add(sounddevice.RawInputStream, self._input_rate_hz, microphone, self._microphone_callback(loop))
            self._add(sounddevice.RawOutputStream, self._output_rate_hz, loudspeaker, self._loudspeaker_callback(loop))
        except (sounddevice.PortAudioError, ValueError) as error:
            raise ConfigurationError(
                f"the sound card cannot be opened ({error}): `python -m sounddevice` lists the devices; choose with "
                f"input_device= and output_device=, and rates that they know"
            ) from error

    def _add(self, stream_type: Any, rate_hz: int, device: int | str | None, callback: Callable[..., None]) -> None:
        stream = stream_type(
            samplerate=rate_hz,
            blocksize=rate_hz * self._block_ms // 1000,
            device=device,
            channels=1,
            dtype="int16",
            callback=callback,
        )
        self._streams.append(stream)
        stream.start()

    def _microphone_callback(self, loop: asyncio.AbstractEventLoop) -> Callable[..., None]:
        def heard(data: Any, frames: int, time: Any, status: Any) -> None:
            """Called in the sound card's thread; its buffer is reused afterwards."""
            silent = self._half_duplex and len(self._buffer) > 0
            pcm = bytes(len(data)) if silent else bytes(data)
            # The loop may be closing while the card still records.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._heard.put_nowait, AudioFrame(pcm, self._input_rate_hz))

        return heard

    def _loudspeaker_callback(self, loop: asyncio.AbstractEventLoop) -> Callable[..., None]:
        def wanted(data: Any, frames: int, time: Any, status: Any) -> None:
            """Called in the sound card's thread."""
            playing = len(self._buffer) > 0
            data[:] = self._buffer.take(len(data))
            if playing and not len(self._buffer):
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(self._note_played)

        return wanted

    def _note_played(self) -> None:
        if not len(self._buffer):
            self._played.set()

    async def _hear(self, session: VoiceSession) -> None:
        while session is self._session:
            frame = await self._heard.get()
            if frame is not None and not self._muted and session is self._session:
                await call_all(self._audio_callbacks, session, frame)

    def _close_streams(self) -> None:
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.stop()
            stream.close()


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise ConfigurationError("local audio needs sounddevice: pip install 'roomkit-sim[local]'") from error
    except OSError as error:
        raise ConfigurationError(
            f"local audio needs the PortAudio library ({error}): on Debian, apt-get install libportaudio2"
        ) from error
    return sounddevice
