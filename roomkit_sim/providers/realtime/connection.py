"""What a session needs of a connection, whichever service it leads to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from roomkit_sim.errors import ProviderProtocolError
from roomkit_sim.providers.realtime.events import LiveEvent
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import ConnectionStep

__all__ = ["C", "Dialler", "LiveConnection", "SessionListener"]


class LiveConnection(Protocol):
    """An open connection, configured."""

    settings: LiveSettings

    @property
    def session_id(self) -> str | None:
        """What the server calls the session; it need not call it anything."""
        ...

    @property
    def responding(self) -> bool:
        """Whether the model's turn is open."""
        ...

    @property
    def attending(self) -> bool:
        """Whether the caller speaks, or has said something that is not answered yet, by the server's word."""
        ...

    async def send_audio(self, pcm: bytes) -> None:
        """Send PCM16 mono. The exception of a broken connection is the SDK's own: callers only keep the audio."""

    def events(self) -> AsyncGenerator[LiveEvent | ProviderProtocolError, None]:
        """What happens, in order, for ever; a message that cannot be understood comes as the error it is.

        Raises:
            ProviderConnectionError: The connection is gone, however that came.
        """
        ...

    def end(self) -> list[LiveEvent]:
        """The connection is left: what was said on it is final, and its turn is over."""
        ...

    async def close(self) -> None:
        """Close it, and wait until it is closed. Whoever calls it again waits for the same closing."""


C = TypeVar("C", bound=LiveConnection)

Dialler: TypeAlias = Callable[[LiveSettings, str | None, float], Coroutine[Any, Any, C]]
"""Opens a connection with settings and a resumption handle within so many seconds, or raises
``ProviderConnectionError``."""


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
