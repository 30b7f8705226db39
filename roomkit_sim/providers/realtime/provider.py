"""The part of a realtime provider that is the same for every service: sessions by id, and what they tell."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from roomkit_sim.errors import ProviderError, SessionNotFoundError
from roomkit_sim.providers.realtime.connection import SessionListener
from roomkit_sim.providers.realtime.events import (
    AudioOut,
    LiveEvent,
    ResponseEnded,
    ResponseStarted,
    SpeechEnded,
    SpeechStarted,
    ToolCalled,
    ToolsCancelled,
    Transcript,
)
from roomkit_sim.providers.realtime.session import LiveSession
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import ConnectionStep, RealtimeVoiceProvider
from roomkit_sim.voice.resampler import StreamResampler

__all__ = ["LiveProvider", "S"]

S = TypeVar("S", bound=LiveSession[Any])


class LiveProvider(RealtimeVoiceProvider, Generic[S]):
    """Keeps the sessions of a provider and translates what they tell into its callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self._live: dict[str, S] = {}
        self._outputs: dict[str, _OutputRate] = {}

    @abstractmethod
    def _check(self, settings: LiveSettings) -> None:
        """Refuse settings that the service would refuse.

        Raises:
            ConfigurationError: They are not acceptable.
        """

    @abstractmethod
    def _make_session(
        self, session: VoiceSession, settings: LiveSettings, listener: SessionListener, rate_hz: int
    ) -> S:
        """A session whose caller's audio comes at ``rate_hz``."""

    @abstractmethod
    async def _close_client(self) -> None:
        """Close the SDK's client, unless it was given."""

    async def connect(
        self,
        session: VoiceSession,
        *,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
        temperature: float | None = None,
        input_sample_rate: int = 16000,
        output_sample_rate: int = 24000,
        server_vad: bool = True,
        provider_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the session's first connection. See the base class, and the provider for ``provider_config``."""
        if session.id in self._live:
            raise ProviderError(
                f"{self.name}: session {session.id} is connected already; reconfigure or disconnect it",
                provider=self.name,
            )
        settings = LiveSettings(
            system_prompt, voice, tuple(tools or ()), temperature, server_vad, dict(provider_config or {})
        )
        self._check(settings)
        listener = SessionListener(self._happened, self._stepped, self._error)
        live = self._make_session(session, settings, listener, input_sample_rate)
        self._live[session.id] = live
        self._outputs[session.id] = _OutputRate(output_sample_rate)
        try:
            await live.open()
        except BaseException:
            self._forget(session)
            raise

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        """Let the model hear ``audio``; kept while there is no connection."""
        live = self._live.get(session.id)
        if live is not None:
            await live.send_audio(audio)

    async def inject_text(self, session: VoiceSession, text: str, *, role: str = "user") -> None:
        """Say ``text`` as a complete turn. Waits its turn while the model speaks or waits for a tool's result."""
        await self._get(session).inject(text, role)

    async def submit_tool_result(
        self, session: VoiceSession, call_id: str, result: str, *, respond: bool = True
    ) -> None:
        """Answer a tool call on the connection that made it."""
        await self._get(session).answer(call_id, result, respond=respond)

    async def interrupt(self, session: VoiceSession) -> None:
        """Stop the model's answer, where the service does not do so by itself."""
        await self._get(session).interrupt()

    async def respond(self, session: VoiceSession) -> None:
        """Let the model go on after results that were given silently."""
        live = self._live.get(session.id)
        if live is not None:
            await live.respond()

    async def truncate(self, session: VoiceSession, unplayed_ms: float) -> None:
        """The caller did not hear the last ``unplayed_ms`` of what the model has said."""
        live = self._live.get(session.id)
        if live is not None:
            await live.truncate(unplayed_ms)

    async def disconnect(self, session: VoiceSession) -> None:
        """End the session."""
        live = self._live.get(session.id)
        if live is not None:
            try:
                await live.close()
            finally:
                self._forget(session)

    async def reconfigure(
        self,
        session: VoiceSession,
        *,
        system_prompt: str | None = None,
        voice: str | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
        temperature: float | None = None,
        provider_config: Mapping[str, Any] | None = None,
    ) -> None:
        """Go on with the conversation with another configuration. ``None`` keeps a value."""
        live = self._get(session)
        settings = live.settings.changed(system_prompt, voice, tools, temperature, provider_config)
        self._check(settings)
        await live.reconfigure(settings)

    async def close(self) -> None:
        """End all sessions and close the SDK's client, unless it was given."""
        for live in list(self._live.values()):
            await live.close()
        self._live.clear()
        self._outputs.clear()
        await self._close_client()

    # What the sessions tell

    async def _happened(self, session: VoiceSession, event: LiveEvent) -> None:
        match event:
            case AudioOut():
                await self._audio(session, self._outputs[session.id].convert(event))
            case Transcript():
                await self._transcription(session, event.text, event.role, event.final)
            case SpeechStarted():
                await self._speech_start(session)
            case SpeechEnded():
                await self._speech_end(session)
            case ToolCalled():
                await self._tool_call(session, event.call_id, event.name, event.arguments)
            case ToolsCancelled():
                await self._tool_calls_cancelled(session, event.call_ids)
            case ResponseStarted():
                await self._response_start(session)
            case ResponseEnded():
                await self._response_end(session)

    async def _stepped(self, session: VoiceSession, step: ConnectionStep, detail: str) -> None:
        if step == "closed":
            self._forget(session)
        await self._connection(session, step, detail)

    # Small parts

    def _get(self, session: VoiceSession) -> S:
        live = self._live.get(session.id)
        if live is None:
            raise SessionNotFoundError(f"{self.name}: session {session.id} is not connected, or has ended")
        return live

    def _forget(self, session: VoiceSession) -> None:
        self._live.pop(session.id, None)
        self._outputs.pop(session.id, None)


class _OutputRate:
    """Brings the model's audio to the rate that the session was connected with."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._resampler: StreamResampler | None = None

    def convert(self, audio: AudioOut) -> bytes:
        if audio.rate_hz == self._rate_hz:
            return audio.pcm
        if self._resampler is None or self._resampler.from_hz != audio.rate_hz:
            self._resampler = StreamResampler(audio.rate_hz, self._rate_hz)
        return self._resampler.feed(audio.pcm)
