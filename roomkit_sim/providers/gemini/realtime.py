"""Gemini Live as a realtime provider, over the google-genai SDK.

A configuration is changed by resuming the conversation on a new connection. :meth:`GeminiLiveProvider.reconfigure`
waits for a resumption handle that covers what was said, opens another connection with the handle and the new prompt,
voice and tools, and then closes the old one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roomkit_sim.providers.gemini.live_config import connect_config
from roomkit_sim.providers.gemini.live_connection import LiveConnection, dial
from roomkit_sim.providers.gemini.live_models import live_capabilities
from roomkit_sim.providers.gemini.live_session import GeminiSession
from roomkit_sim.providers.realtime.connection import Dialler, SessionListener
from roomkit_sim.providers.realtime.provider import LiveProvider
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.sockets import SOCKET_OPTIONS
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.providers.sdk import require_sdk
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

if TYPE_CHECKING:
    from google.genai import Client, types

__all__ = ["GeminiLiveProvider"]

_DEFAULT_MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"


class GeminiLiveProvider(LiveProvider[GeminiSession]):
    """Speech-to-speech with Gemini Live.

    Args:
        api_key: The API key; not needed with ``client``.
        model: The model. It cannot change in a conversation.
        http_options: Options of the SDK's client, such as a base URL or ``async_client_args``; these go to websockets'
            ``connect()`` and win over the provider's own.
        client: A client of the SDK to use instead of one of the provider's own. It is not closed.
        timing: How long to wait for what, and how hard to try to reconnect.
        capabilities: What the model can do, where the provider's own table is wrong about it. With
            ``in_session_update`` prompt and tools are changed inside the connection while the voice stays.
    """

    def __init__(
        self,
        api_key: str | None = None,
        model: str = _DEFAULT_MODEL,
        *,
        http_options: types.HttpOptions | dict[str, Any] | None = None,
        client: Client | None = None,
        timing: LiveTiming | None = None,
        capabilities: RealtimeCapabilities | None = None,
    ) -> None:
        super().__init__()
        self._api_key = api_key
        self._model = model
        self._http_options = http_options
        self._own_client: Client | None = None
        self._given_client = client
        self._timing = timing or LiveTiming()
        self._capabilities = capabilities or live_capabilities(model)

    @property
    def name(self) -> str:
        """``"gemini"``."""
        return "gemini"

    @property
    def capabilities(self) -> RealtimeCapabilities:
        """What the model can do."""
        return self._capabilities

    def _check(self, settings: LiveSettings) -> None:
        require_sdk("google.genai", "google-genai", "gemini", "GeminiLiveProvider")
        connect_config(settings, None)

    def _make_session(
        self, session: VoiceSession, settings: LiveSettings, listener: SessionListener, rate_hz: int
    ) -> GeminiSession:
        return GeminiSession(
            session, settings, self._dialler(rate_hz), listener, self._timing, rate_hz, self._capabilities
        )

    async def _close_client(self) -> None:
        client, self._own_client = self._own_client, None
        if client is not None:
            await client.aio.aclose()
            client.close()

    def _dialler(self, rate_hz: int) -> Dialler[LiveConnection]:
        async def open_connection(settings: LiveSettings, handle: str | None, timeout_s: float) -> LiveConnection:
            return await dial(self._client(), self._model, settings, handle, rate_hz=rate_hz, timeout_s=timeout_s)

        return open_connection

    def _client(self) -> Client:
        if self._given_client is not None:
            return self._given_client
        if self._own_client is None:
            from google import genai
            from google.genai import types

            given = self._http_options or {}
            options = types.HttpOptions(**given) if isinstance(given, dict) else given
            arguments = {**SOCKET_OPTIONS, **(options.async_client_args or {})}
            self._own_client = genai.Client(
                api_key=self._api_key, http_options=options.model_copy(update={"async_client_args": arguments})
            )
        return self._own_client
