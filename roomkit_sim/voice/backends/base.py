"""What carries a caller's audio: a telephone line, a browser, a sound card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState

__all__ = ["AudioReceivedCallback", "ClientDisconnectedCallback", "SessionCallback", "VoiceBackend"]

AudioReceivedCallback: TypeAlias = Callable[[VoiceSession, AudioFrame], Any]
"""Called for every frame of the caller, in order, on the event loop. An awaitable result is awaited or scheduled."""

SessionCallback: TypeAlias = Callable[[VoiceSession], Any]
"""Called when something happens to a session."""

ClientDisconnectedCallback: TypeAlias = SessionCallback
"""Called once when the caller's side has gone."""


class VoiceBackend(ABC):
    """Carries audio between callers and a voice channel.

    All audio is PCM16 little-endian mono. The line's sample rate is ``session.metadata["transport_sample_rate"]`` where
    :meth:`accept` sets it; otherwise it is what the channel was told.
    Callbacks are registered once a channel, not once a session.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for logs and events."""

    @abstractmethod
    async def accept(self, session: VoiceSession, connection: Any) -> None:
        """Take a caller.

        Args:
            session: The new session; the backend may set ``metadata["transport_sample_rate"]``.
            connection: What the application got from its server: a socket, a call leg, ``None`` for a sound card.
        """

    async def connect(
        self, room_id: str, participant_id: str, channel_id: str, *, metadata: dict[str, Any] | None = None
    ) -> VoiceSession:
        """Make a session and take its caller; for applications that bind sessions to rooms themselves.

        Returns:
            An active session, unless the backend says later that it is ready (:meth:`on_session_ready`).
        """
        session = VoiceSession(
            room_id=room_id, participant_id=participant_id, channel_id=channel_id, metadata=dict(metadata or {})
        )
        await self.accept(session, None)
        session.state = VoiceSessionState.ACTIVE
        return session

    @abstractmethod
    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Play ``audio`` to the caller. Returns at once: the backend plays it at its own pace."""

    async def send_message(self, session: VoiceSession, message: dict[str, Any]) -> None:
        """Tell the caller's client something, such as who is speaking. Backends without a client ignore it."""
        return None

    @abstractmethod
    async def disconnect(self, session: VoiceSession) -> None:
        """Hang up. Hanging up twice does nothing."""

    def interrupt(self, session: VoiceSession) -> None:  # noqa: B027 - optional
        """Drop what was sent and is not played yet."""

    def end_of_response(self, session: VoiceSession) -> None:  # noqa: B027 - optional
        """All audio of one answer has been sent."""

    def set_input_muted(self, session: VoiceSession, muted: bool) -> None:  # noqa: B027 - optional
        """Stop or resume taking the caller's audio."""

    async def wait_played(self, session: VoiceSession) -> None:
        """Wait until what was sent is played."""
        return None

    @abstractmethod
    def on_audio_received(self, callback: AudioReceivedCallback) -> None:
        """Register who gets the callers' frames."""

    @abstractmethod
    def on_client_disconnected(self, callback: ClientDisconnectedCallback) -> None:
        """Register who is told when a caller's side has gone."""

    def on_session_ready(self, callback: SessionCallback) -> None:  # noqa: B027 - optional
        """Register who is told that a session which was connecting can be talked on.

        Backends whose sessions are ready when :meth:`accept` returns never call it.
        """

    def on_barge_in(self, callback: SessionCallback) -> None:  # noqa: B027 - optional
        """Register who is told that a caller spoke into what was playing; for backends that notice it themselves."""

    async def close(self) -> None:
        """Release everything."""
        return None
