"""Gemini Live as a realtime provider, over the google-genai SDK.

A configuration cannot be changed inside a connection of Gemini Live; it can when a conversation is resumed on a new
one. So :meth:`GeminiLiveProvider.reconfigure` waits for a resumption handle that covers what was said, closes the
connection and opens another one with the handle and the new prompt, voice and tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import ProviderError, SessionNotFoundError
from roomkit_sim.providers.gemini.live_config import LiveSettings, connect_config
from roomkit_sim.providers.gemini.live_connection import LiveConnection, dial
from roomkit_sim.providers.gemini.live_events import (
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
from roomkit_sim.providers.gemini.live_session import Dialler, LiveSession, LiveTiming, SessionListener
from roomkit_sim.providers.sdk import require_sdk
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import ConnectionStep, RealtimeCapabilities, RealtimeVoiceProvider
from roomkit_sim.voice.resampler import StreamResampler

if TYPE_CHECKING:
    from google.genai import Client, types

__all__ = ["GeminiLiveProvider"]

_DEFAULT_MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"

# Arguments of websockets' connect(), which the SDK passes on. A dead peer is noticed after 20 s, not after 40.
_SOCKET_OPTIONS: Mapping[str, Any] = {"ping_interval": 10, "ping_timeout": 10, "close_timeout": 2}


class GeminiLiveProvider(RealtimeVoiceProvider):
    """Speech-to-speech with Gemini Live.

    Args:
        api_key: The API key; not needed with ``client``.
        model: The model. It cannot change in a conversation.
        http_options: Options of the SDK's client, such as a base URL or ``async_client_args``; these go to websockets'
            ``connect()`` and win over the provider's own.
        client: A client of the SDK to use instead of one of the provider's own. It is not closed.
        timing: How long to wait for what, and how hard to try to reconnect.
    """

    def __init__(
        self,
        api_key: str | None = None,
        model: str = _DEFAULT_MODEL,
        *,
        http_options: types.HttpOptions | dict[str, Any] | None = None,
        client: Client | None = None,
        timing: LiveTiming | None = None,
    ) -> None:
        super().__init__()
        self._api_key = api_key
        self._model = model
        self._http_options = http_options
        self._own_client: Client | None = None
        self._given_client = client
        self._timing = timing or LiveTiming()
        self._live: dict[str, LiveSession] = {}
        self._settings: dict[str, LiveSettings] = {}
        self._outputs: dict[str, _OutputRate] = {}

    @property
    def name(self) -> str:
        """``"gemini"``."""
        return "gemini"

    @property
    def capabilities(self) -> RealtimeCapabilities:
        """Resumption with any prompt, voice and tools; no change inside a connection."""
        return RealtimeCapabilities(
            resumption=True, in_session_update=False, input_sample_rate=16000, output_sample_rate=24000
        )

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
        """Open the session's first connection. See the base class, and ``live_config`` for ``provider_config``."""
        require_sdk("google.genai", "google-genai", "gemini", "GeminiLiveProvider")
        if session.id in self._live:
            raise ProviderError(f"gemini: session {session.id} is connected already; reconfigure or disconnect it")
        settings = LiveSettings(
            system_prompt, voice, tuple(tools or ()), temperature, server_vad, dict(provider_config or {})
        )
        connect_config(settings, None)
        listener = SessionListener(self._happened, self._stepped, self._error)
        live = LiveSession(
            session, settings, self._dialler(input_sample_rate), listener, self._timing, input_sample_rate
        )
        self._live[session.id] = live
        self._settings[session.id] = settings
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

    async def submit_tool_result(self, session: VoiceSession, call_id: str, result: str) -> None:
        """Answer a tool call on the connection that made it."""
        await self._get(session).answer(call_id, result)

    async def interrupt(self, session: VoiceSession) -> None:
        """Nothing: Gemini hears the caller and stops by itself."""
        return None

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
        """Resume the conversation on a new connection with another configuration. ``None`` keeps a value."""
        live = self._get(session)
        settings = self._settings[session.id].changed(system_prompt, voice, tools, temperature, provider_config)
        connect_config(settings, None)
        self._settings[session.id] = settings
        await live.reconfigure(settings)

    async def close(self) -> None:
        """End all sessions and close the SDK's client, unless it was given."""
        for session_id in list(self._live):
            await self._live[session_id].close()
        for kept in (self._live, self._settings, self._outputs):
            kept.clear()
        client, self._own_client = self._own_client, None
        if client is not None:
            await client.aio.aclose()
            client.close()

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

    def _dialler(self, rate_hz: int) -> Dialler:
        async def open_connection(settings: LiveSettings, handle: str | None) -> LiveConnection:
            return await dial(
                self._client(),
                self._model,
                settings,
                handle,
                rate_hz=rate_hz,
                timeout_s=self._timing.connect_timeout_s,
            )

        return open_connection

    def _client(self) -> Client:
        if self._given_client is not None:
            return self._given_client
        if self._own_client is None:
            from google import genai
            from google.genai import types

            given = self._http_options or {}
            options = types.HttpOptions(**given) if isinstance(given, dict) else given
            arguments = {**_SOCKET_OPTIONS, **(options.async_client_args or {})}
            self._own_client = genai.Client(
                api_key=self._api_key, http_options=options.model_copy(update={"async_client_args": arguments})
            )
        return self._own_client

    def _get(self, session: VoiceSession) -> LiveSession:
        live = self._live.get(session.id)
        if live is None:
            raise SessionNotFoundError(f"gemini: session {session.id} is not connected, or has ended")
        return live

    def _forget(self, session: VoiceSession) -> None:
        self._live.pop(session.id, None)
        self._settings.pop(session.id, None)
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
