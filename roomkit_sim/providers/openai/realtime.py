"""OpenAI Realtime as a realtime provider, over the openai SDK (the generally available API).

Prompt and tools are changed inside the connection. Another voice, once the first one has been heard, takes another
connection: it is opened beside the old one, configured, told what was said, and only then takes the old one's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.openai.realtime_config import session_object
from roomkit_sim.providers.openai.realtime_connection import RealtimeConnection, dial
from roomkit_sim.providers.openai.realtime_models import realtime_capabilities
from roomkit_sim.providers.openai.realtime_session import RealtimeSession
from roomkit_sim.providers.realtime.connection import SessionListener
from roomkit_sim.providers.realtime.provider import LiveProvider
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.sockets import SOCKET_OPTIONS
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.providers.sdk import require_sdk
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["OpenAIRealtimeProvider"]

_DEFAULT_MODEL = "gpt-realtime"


class OpenAIRealtimeProvider(LiveProvider[RealtimeSession]):
    """Speech-to-speech with OpenAI Realtime.

    Args:
        api_key: The API key; not needed with ``client``.
        model: The model. It cannot change in a conversation.
        base_url: Where the API is, if not at its usual address; ``http`` becomes ``ws``.
        client: A client of the SDK to use instead of one of the provider's own. It is not closed.
        timing: How long to wait for what, and how hard to try to reconnect.
        capabilities: What the model can do, where the provider's own table is wrong about it.
        socket_options: Further arguments of websockets' ``connect()``, which win over the provider's own.
    """

    def __init__(
        self,
        api_key: str | None = None,
        model: str = _DEFAULT_MODEL,
        *,
        base_url: str | None = None,
        client: AsyncOpenAI | None = None,
        timing: LiveTiming | None = None,
        capabilities: RealtimeCapabilities | None = None,
        socket_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._api_key = api_key
        self._model = model
        self._base_url = base_url
        self._given_client = client
        self._own_client: AsyncOpenAI | None = None
        self._timing = timing or LiveTiming()
        self._capabilities = capabilities or realtime_capabilities(model)
        self._socket_options = {**SOCKET_OPTIONS, **(socket_options or {})}

    @property
    def name(self) -> str:
        """``"openai"``."""
        return "openai"

    @property
    def capabilities(self) -> RealtimeCapabilities:
        """What the model can do."""
        return self._capabilities

    async def send_event(self, session: VoiceSession, event: Mapping[str, Any]) -> None:
        """Send a raw event of the API on the session's present connection."""
        await self._get(session).send_event(event)

    def _check(self, settings: LiveSettings) -> None:
        require_sdk("openai", "openai", "openai", "OpenAIRealtimeProvider")
        require_sdk("websockets", "websockets", "openai", "OpenAIRealtimeProvider")
        session_object(settings)

    def _make_session(
        self, session: VoiceSession, settings: LiveSettings, listener: SessionListener, rate_hz: int
    ) -> RealtimeSession:
        return RealtimeSession(
            session,
            settings,
            self._open,
            listener,
            self._timing,
            rate_hz,
            in_session_update=self._capabilities.in_session_update,
        )

    async def _open(self, settings: LiveSettings, handle: str | None, timeout_s: float) -> RealtimeConnection:
        return await dial(
            self._client(),
            self._model,
            settings,
            timeout_s=timeout_s,
            transcript_wait_s=self._timing.transcript_wait_s,
            socket_options=self._socket_options,
        )

    def _client(self) -> AsyncOpenAI:
        if self._given_client is not None:
            return self._given_client
        if self._own_client is None:
            from openai import AsyncOpenAI, OpenAIError

            try:
                self._own_client = AsyncOpenAI(api_key=self._api_key, base_url=self._base_url)
            except OpenAIError as error:
                raise ConfigurationError("openai: there is no API key: pass api_key, or a client") from error
        return self._own_client

    async def _close_client(self) -> None:
        client, self._own_client = self._own_client, None
        if client is not None:
            await client.close()
