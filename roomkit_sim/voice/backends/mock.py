"""A voice backend that records what it is told and simulates callers on request."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.base import (
    AudioReceivedCallback,
    ClientDisconnectedCallback,
    SessionCallback,
    VoiceBackend,
)
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState

__all__ = ["BackendCall", "MockVoiceBackend"]


@dataclass(frozen=True)
class BackendCall:
    """One call of a method of the backend."""

    method: str
    args: dict[str, Any] = field(default_factory=dict)


class MockVoiceBackend(VoiceBackend):
    """Records everything; nothing is ever really played.

    Args:
        transport_sample_rate: Line rate in Hz that :meth:`accept` announces; ``None`` announces nothing.

    Attributes:
        calls: Every call of a method, in order.
        sent_audio: ``(session id, pcm)`` of all audio sent, in order, interrupted or not.
        sent_messages: ``(session id, message)``.
    """

    def __init__(self, *, transport_sample_rate: int | None = None) -> None:
        self.calls: list[BackendCall] = []
        self.sent_audio: list[tuple[str, bytes]] = []
        self.sent_messages: list[tuple[str, dict[str, Any]]] = []
        self._transport_sample_rate = transport_sample_rate
        self._audio_callbacks: list[AudioReceivedCallback] = []
        self._disconnect_callbacks: list[ClientDisconnectedCallback] = []
        self._ready_callbacks: list[SessionCallback] = []
        self._barge_in_callbacks: list[SessionCallback] = []

    @property
    def name(self) -> str:
        """``"mock"``."""
        return "mock"

    def calls_of(self, method: str) -> list[BackendCall]:
        """The recorded calls of one method."""
        return [call for call in self.calls if call.method == method]

    async def connect(
        self, room_id: str, participant_id: str, channel_id: str, *, metadata: dict[str, Any] | None = None
    ) -> VoiceSession:
        """A session that is active and ready at once."""
        session = VoiceSession(
            room_id=room_id, participant_id=participant_id, channel_id=channel_id, metadata=dict(metadata or {})
        )
        if self._transport_sample_rate is not None:
            session.metadata["transport_sample_rate"] = self._transport_sample_rate
        self._record("connect", session=session)
        await self.simulate_session_ready(session)
        return session

    async def accept(self, session: VoiceSession, connection: Any) -> None:
        """Take a caller."""
        if self._transport_sample_rate is not None:
            session.metadata["transport_sample_rate"] = self._transport_sample_rate
        self._record("accept", session=session, connection=connection)

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Record ``audio``."""
        self.sent_audio.append((session.id, audio))

    async def send_message(self, session: VoiceSession, message: dict[str, Any]) -> None:
        """Record ``message``."""
        self.sent_messages.append((session.id, message))

    async def disconnect(self, session: VoiceSession) -> None:
        """Record the hang-up."""
        self._record("disconnect", session=session)

    def interrupt(self, session: VoiceSession) -> None:
        """Record the interruption."""
        self._record("interrupt", session=session, after_chunks=len(self.sent_audio))

    def end_of_response(self, session: VoiceSession) -> None:
        """Record the end of an answer."""
        self._record("end_of_response", session=session, after_chunks=len(self.sent_audio))

    def set_input_muted(self, session: VoiceSession, muted: bool) -> None:
        """Record the muting."""
        self._record("set_input_muted", session=session, muted=muted)

    def on_audio_received(self, callback: AudioReceivedCallback) -> None:
        """Register who gets simulated frames."""
        self._audio_callbacks.append(callback)

    def on_client_disconnected(self, callback: ClientDisconnectedCallback) -> None:
        """Register who is told of simulated hang-ups."""
        self._disconnect_callbacks.append(callback)

    def on_session_ready(self, callback: SessionCallback) -> None:
        """Register who is told that a session is ready."""
        self._ready_callbacks.append(callback)

    def on_barge_in(self, callback: SessionCallback) -> None:
        """Register who is told of simulated barge-ins."""
        self._barge_in_callbacks.append(callback)

    async def close(self) -> None:
        """Record the closing."""
        self._record("close")

    async def simulate_audio_received(self, session: VoiceSession, frame: AudioFrame) -> None:
        """The caller says ``frame``."""
        for callback in self._audio_callbacks:
            await _settled(callback(session, frame))

    async def simulate_client_disconnected(self, session: VoiceSession) -> None:
        """The caller's side goes away."""
        for callback in self._disconnect_callbacks:
            await _settled(callback(session))

    async def simulate_session_ready(self, session: VoiceSession) -> None:
        """The session can be talked on."""
        session.state = VoiceSessionState.ACTIVE
        for callback in self._ready_callbacks:
            await _settled(callback(session))

    async def simulate_barge_in(self, session: VoiceSession) -> None:
        """The backend itself notices that the caller speaks into what is playing."""
        for callback in self._barge_in_callbacks:
            await _settled(callback(session))

    def _record(self, method: str, **args: Any) -> None:
        self.calls.append(BackendCall(method, args))


async def _settled(result: Any) -> None:
    if inspect.isawaitable(result):
        await result
