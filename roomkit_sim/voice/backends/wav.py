"""A caller from a file: plays a WAV file as the caller, and writes what the agent says to another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import AudioReceivedCallback, ClientDisconnectedCallback, VoiceBackend
from roomkit_sim.voice.backends.callbacks import call_all
from roomkit_sim.voice.backends.track import PlayoutTrack
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.wav_file import read_wav, write_wav

__all__ = ["WavBackend", "WavCall"]


@dataclass(frozen=True)
class WavCall:
    """One call: to be handed to ``start_session`` as the connection.

    Args:
        caller: What the caller says, PCM16 WAV of any rate; several channels are mixed.
        agent: Where to write what the caller hears, from the beginning of the call to its end, at the same rate.
    """

    caller: str | Path
    agent: str | Path | None = None


@dataclass(eq=False)
class _Line:
    rate_hz: int
    caller: bytes
    agent_path: Path | None
    began_s: float
    track: PlayoutTrack = field(default_factory=PlayoutTrack)
    muted: bool = False
    ended: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def now(self) -> int:
        """The sample that is being played."""
        return round((asyncio.get_running_loop().time() - self.began_s) * self.rate_hz)

    async def reach(self, position: int) -> None:
        """Sleep until ``position``; not at all if it is past."""
        delay_s = self.began_s + position / self.rate_hz - asyncio.get_running_loop().time()
        if delay_s > 0:
            await asyncio.sleep(delay_s)


class WavBackend(VoiceBackend):
    """Lines whose callers are WAV files. They speak at the pace of speech, on the clock of the event loop.

    When a file has ended its caller is silent, and hangs up after a while or stays on the line.

    Args:
        caller: The file of callers for whom ``start_session`` is handed no :class:`WavCall`.
        agent: Where to write what such a caller hears.
        frame_ms: Length of the caller's frames.
        hang_up_after_ms: After so much silence of both sides, once the file has ended, the caller hangs up; ``None``
            stays on the line.
    """

    def __init__(
        self,
        caller: str | Path | None = None,
        agent: str | Path | None = None,
        *,
        frame_ms: int = 20,
        hang_up_after_ms: int | None = None,
    ) -> None:
        self._default = WavCall(caller, agent) if caller is not None else None
        self._frame_ms = frame_ms
        self._hang_up_after_ms = hang_up_after_ms
        self._lines: dict[str, _Line] = {}
        self._audio_callbacks: list[AudioReceivedCallback] = []
        self._disconnect_callbacks: list[ClientDisconnectedCallback] = []

    @property
    def name(self) -> str:
        """``"wav"``."""
        return "wav"

    async def accept(self, session: VoiceSession, connection: Any) -> None:
        """Take a caller; the file begins to play now.

        Raises:
            ConfigurationError: There is no file, or it is no PCM16 WAV file, or no folder for the other one.
        """
        call = connection if isinstance(connection, WavCall) else self._default
        if call is None:
            raise ConfigurationError("a WAV line needs a file: WavBackend('caller.wav'), or connection=WavCall(...)")
        rate_hz, pcm = read_wav(Path(call.caller))
        agent_path = Path(call.agent) if call.agent is not None else None
        if agent_path is not None and not agent_path.parent.is_dir():
            raise ConfigurationError(f"{agent_path} cannot be written: there is no folder {agent_path.parent}")
        line = _Line(rate_hz, pcm, agent_path, asyncio.get_running_loop().time())
        session.metadata["transport_sample_rate"] = rate_hz
        self._lines[session.id] = line
        line.task = asyncio.get_running_loop().create_task(self._speak(session, line), name="WAV caller")

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Play ``audio`` to the caller."""
        line = self._lines.get(session.id)
        if line is not None:
            line.track.append(audio, line.now)

    def interrupt(self, session: VoiceSession) -> None:
        """Drop what is not played yet."""
        line = self._lines.get(session.id)
        if line is not None:
            line.track.cut(line.now)

    def set_input_muted(self, session: VoiceSession, muted: bool) -> None:
        """While muted, the caller is not heard; the file goes on."""
        line = self._lines.get(session.id)
        if line is not None:
            line.muted = muted

    async def wait_played(self, session: VoiceSession) -> None:
        """Wait until what was sent is played, or the call is over."""
        line = self._lines.get(session.id)
        if line is None:
            return
        while not line.ended and line.now < line.track.end:
            await line.reach(line.track.end)

    async def disconnect(self, session: VoiceSession) -> None:
        """Hang up, and write what the caller heard."""
        line = self._lines.pop(session.id, None)
        if line is None:
            return
        line.ended = True
        if line.task is not None and line.task is not asyncio.current_task():
            line.task.cancel()
        if line.agent_path is not None:
            write_wav(line.agent_path, line.rate_hz, line.track.pcm(line.now))

    def on_audio_received(self, callback: AudioReceivedCallback) -> None:
        """Register who gets the callers' frames."""
        self._audio_callbacks.append(callback)

    def on_client_disconnected(self, callback: ClientDisconnectedCallback) -> None:
        """Register who is told when a caller hangs up."""
        self._disconnect_callbacks.append(callback)

    async def close(self) -> None:
        """End all calls."""
        for session_id in list(self._lines):
            await self.disconnect(VoiceSession(id=session_id))

    async def _speak(self, session: VoiceSession, line: _Line) -> None:
        samples = line.rate_hz * self._frame_ms // 1000
        position = 0
        while not line.ended:
            await line.reach(position + samples)
            frame = line.caller[2 * position : 2 * (position + samples)]
            position += samples
            audio = AudioFrame(frame.ljust(2 * samples, b"\0"), line.rate_hz)
            if not line.muted:
                await call_all(self._audio_callbacks, session, audio)
            if session.id in self._lines and self._has_hung_up(line, position):
                # Who is told may disconnect the line while this waits for them, and must not be cancelled by that.
                line.task = None
                await call_all(self._disconnect_callbacks, session)
                return

    def _has_hung_up(self, line: _Line, position: int) -> bool:
        if self._hang_up_after_ms is None:
            return False
        quiet_since = max(len(line.caller) // 2, line.track.end)
        return position - quiet_since >= line.rate_hz * self._hang_up_after_ms // 1000
