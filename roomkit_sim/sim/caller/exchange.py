"""All lines of a run behind one transport, as a telephone system presents them to an application."""

from __future__ import annotations

from typing import Any

from roomkit_sim.errors import AppError
from roomkit_sim.sim.caller.line import LineTransport
from roomkit_sim.voice.backends.base import AudioReceivedCallback, ClientDisconnectedCallback, VoiceBackend
from roomkit_sim.voice.base import VoiceSession

__all__ = ["Exchange"]


class Exchange(VoiceBackend):
    """Connects sessions to the lines that their connections belong to.

    An application may serve every call with a channel of its own, or all of them with one: callbacks are called for
    the sessions of all lines, so a channel must know its own sessions.
    """

    def __init__(self) -> None:
        self._lines: list[LineTransport] = []
        self._sessions: dict[str, LineTransport] = {}
        self._audio_callbacks: list[AudioReceivedCallback] = []
        self._disconnect_callbacks: list[ClientDisconnectedCallback] = []

    def add(self, line: LineTransport) -> None:
        """Add a line."""
        self._lines.append(line)
        for audio in self._audio_callbacks:
            line.on_audio_received(audio)
        for disconnected in self._disconnect_callbacks:
            line.on_client_disconnected(disconnected)

    @property
    def name(self) -> str:
        """``"exchange"``."""
        return "exchange"

    async def accept(self, session: VoiceSession, connection: object) -> None:
        """Connect a session to the line of ``connection``.

        Raises:
            AppError: It is no connection of a line.
        """
        for line in self._lines:
            if connection is line.connection:
                await line.accept(session, connection)
                self._sessions[session.id] = line
                return
        raise AppError(
            f"start_session() got connection={connection!r}, which belongs to no line: "
            f"hand it connection=line.connection"
        )

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Play audio on the session's line."""
        line = self._sessions.get(session.id)
        if line is not None:
            await line.send_audio(session, audio)

    async def send_message(self, session: VoiceSession, message: dict[str, Any]) -> None:
        """Tell the client of the session's caller something."""
        line = self._sessions.get(session.id)
        if line is not None:
            await line.send_message(session, message)

    async def disconnect(self, session: VoiceSession) -> None:
        """Hang up."""
        line = self._sessions.pop(session.id, None)
        if line is not None:
            await line.disconnect(session)

    def interrupt(self, session: VoiceSession) -> None:
        """Drop what is not played yet."""
        line = self._sessions.get(session.id)
        if line is not None:
            line.interrupt(session)

    def set_input_muted(self, session: VoiceSession, muted: bool) -> None:
        """Mute the caller of a session."""
        line = self._sessions.get(session.id)
        if line is not None:
            line.set_input_muted(session, muted)

    async def wait_played(self, session: VoiceSession) -> None:
        """Wait until all that was sent is played."""
        line = self._sessions.get(session.id)
        if line is not None:
            await line.wait_played(session)

    def on_audio_received(self, callback: AudioReceivedCallback) -> None:
        """Register who gets the callers' frames."""
        self._audio_callbacks.append(callback)
        for line in self._lines:
            line.on_audio_received(callback)

    def on_client_disconnected(self, callback: ClientDisconnectedCallback) -> None:
        """Register who is told when a caller hangs up."""
        self._disconnect_callbacks.append(callback)
        for line in self._lines:
            line.on_client_disconnected(callback)
