"""One connection of the SDK's Realtime client: dialled, configured, used, closed. No policy.

Frames are read as bytes and parsed here: the SDK would build a typed object for each piece of audio, and gives one of
an arbitrary class where it does not know the type. Audio is written as text for the same reason.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from roomkit_sim.core.clock import now
from roomkit_sim.errors import ProviderConnectionError, ProviderProtocolError
from roomkit_sim.providers.openai.realtime_config import can_be_updated, session_object
from roomkit_sim.providers.openai.realtime_events import RealtimeNormaliser, SessionState
from roomkit_sim.providers.openai.realtime_failures import (
    PROVIDER,
    ServiceError,
    refused_configuration,
    to_provider_error,
)
from roomkit_sim.providers.realtime.events import LiveEvent
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.sockets import Sending, leave

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.resources.realtime.realtime import AsyncRealtimeConnection
    from openai.types.realtime import RealtimeClientEventParam

__all__ = ["RealtimeConnection", "dial"]

_LONGEST_SESSION_S = 3600.0
_LEAST_CREDIBLE_S = 60.0


class RealtimeConnection:
    """An open connection.

    Args:
        socket: The SDK's connection, open.
        settings: What it is to be configured with.
        transcript_wait_s: How long after the caller's words their transcript is waited for.
    """

    def __init__(self, socket: AsyncRealtimeConnection, settings: LiveSettings, transcript_wait_s: float) -> None:
        self.settings = settings
        self.normaliser = RealtimeNormaliser(settings)
        self.state: dict[str, Any] = {}
        self._socket = socket
        # The SDK has no other way to it.
        self._below: object = getattr(socket, "_connection", None)
        self._transcript_wait_s = transcript_wait_s
        self._default_voice: object = None
        self._early: list[LiveEvent | ProviderProtocolError] = []
        self._sent = 0
        self._closing: asyncio.Future[None] | None = None

    # What is known of it

    @property
    def session_id(self) -> str | None:
        """What the server calls the session."""
        found = self.state.get("id")
        return found if isinstance(found, str) else None

    @property
    def responding(self) -> bool:
        """Whether the model's turn is open."""
        return self.normaliser.responding

    @property
    def attending(self) -> bool:
        """Whether the caller speaks, or has said something that is not answered yet, by the server's word."""
        return self.normaliser.attending

    @property
    def expires_in_s(self) -> float:
        """In how many seconds the server will end the session, by its own word where our clocks agree."""
        expires_at = self.state.get("expires_at")
        if not isinstance(expires_at, int | float):
            return _LONGEST_SESSION_S
        left_s = expires_at - now().timestamp()
        return left_s if _LEAST_CREDIBLE_S <= left_s <= _LONGEST_SESSION_S else _LONGEST_SESSION_S

    @property
    def differs(self) -> str:
        """What of the session's state is not as it was configured, by the server's own word; ``""`` if nothing."""
        audio = self.state.get("audio") or {}
        formats = [(audio.get(way) or {}).get("format") for way in ("input", "output")]
        found = [f"format {item}" for item in formats if item is not None and item.get("type") != "audio/pcm"]
        if self._voice() != self._wanted_voice(self.settings):
            found.append(f"voice {self._voice()!r} instead of {self._wanted_voice(self.settings)!r}")
        return ", ".join(found)

    def can_become(self, settings: LiveSettings) -> bool:
        """Whether this connection can be configured with ``settings``: its voice is fixed once it has been heard."""
        same_voice = self._wanted_voice(settings) == self._voice()
        return can_be_updated(self.settings, settings) and (same_voice or not self.normaliser.spoke)

    # What is sent

    async def send_audio(self, pcm: bytes) -> None:
        """Send PCM16 mono at 24 kHz. The exception of a broken connection is the SDK's own."""
        async with Sending(self._below):
            await self._socket.send_raw(f'{{"type":"input_audio_buffer.append","audio":"{b64encode(pcm).decode()}"}}')

    async def send_item(self, item: Mapping[str, Any]) -> None:
        """Add an item to the conversation.

        Raises:
            ProviderError: It could not be sent.
        """
        await self.send({"type": "conversation.item.create", "item": dict(item)})

    async def ask(self, item: Mapping[str, Any] | None = None) -> None:
        """Ask for an answer, to ``item`` if it is given; there is no other answer open.

        Raises:
            ProviderError: It could not be sent.
        """
        # Before anything is awaited: whoever comes meanwhile must find that an answer is asked for.
        event_id = self.normaliser.asked = self._event_id()
        if item is not None:
            await self.send_item(item)
        await self.send({"type": "response.create", "event_id": event_id})

    async def update(self, settings: LiveSettings) -> str:
        """Ask for another configuration; returns the id of the request.

        Raises:
            ProviderError: It could not be sent.
        """
        event_id = self._event_id()
        with_voice = not self.normaliser.spoke
        session = session_object(settings, update=True, with_voice=with_voice)
        if with_voice and not settings.voice and self._default_voice is not None:
            session["audio"]["output"]["voice"] = self._default_voice
        await self.send({"type": "session.update", "event_id": event_id, "session": session})
        return event_id

    async def send(self, event: Mapping[str, Any]) -> None:
        """Send an event of the API.

        Raises:
            ProviderError: It could not be sent.
        """
        try:
            async with Sending(self._below):
                await self._socket.send(cast("RealtimeClientEventParam", event))
        except Exception as error:
            raise to_provider_error(error, f"sending {event.get('type')}") from error

    # What comes

    async def set_up(self) -> None:
        """Wait for the session, configure it, and wait until it is.

        Raises:
            ProviderConnectionError: The service refused the configuration.
        """
        self.state = await self._next_state()
        self._default_voice = self._voice()
        session = session_object(self.settings)
        await self.send({"type": "session.update", "event_id": self._event_id(), "session": session})
        self.state = await self._next_state()

    async def events(self) -> AsyncGenerator[LiveEvent | ProviderProtocolError, None]:
        """What happens, for ever; a message that cannot be understood comes as the error it is.

        Raises:
            ProviderConnectionError: The connection is gone, however that came.
        """
        early, self._early = self._early, []
        for event in early:
            yield event
        order, loop = self.normaliser.order, asyncio.get_running_loop()
        deadline: float | None = None
        while True:
            deadline = None if not order.expects_words else deadline or loop.time() + self._transcript_wait_s
            try:
                async with asyncio.timeout_at(deadline):
                    message = await self._receive()
            except TimeoutError:
                deadline = None
                for event in order.release():
                    yield event
                continue
            for event in self._understand(message):
                yield event

    def end(self) -> list[LiveEvent]:
        """The connection is left: what was said on it is final, and its turn is over."""
        return self.normaliser.end()

    async def close(self) -> None:
        """Close it, and wait until it is closed. Whoever calls it again waits for the same closing."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(leave(self._socket.close(), self._below))
        await asyncio.shield(self._closing)

    # Small parts

    async def _next_state(self) -> dict[str, Any]:
        while True:
            for event in self._understand(await self._receive()):
                if isinstance(event, SessionState):
                    return event.session
                if isinstance(event, ServiceError):
                    raise refused_configuration(event)
                self._early.append(event)

    async def _receive(self) -> bytes:
        try:
            return await self._socket.recv_bytes()
        except Exception as error:
            # A timeout of ours arrives here as a cancellation, not as an exception.
            raise to_provider_error(error, "receiving") from error

    def _understand(self, message: bytes) -> Sequence[LiveEvent | ProviderProtocolError]:
        try:
            return self.normaliser.feed(json.loads(message))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return [
                ProviderProtocolError(
                    f"openai, while receiving: an event is not as the API describes it "
                    f"({type(error).__name__}: {error}); it was skipped",
                    provider=PROVIDER,
                )
            ]

    def _event_id(self) -> str:
        self._sent += 1
        return f"client_{self._sent}"

    def _wanted_voice(self, settings: LiveSettings) -> object:
        return settings.voice or self._default_voice

    def _voice(self) -> object:
        """By the server's word; what was asked for where it does not say."""
        said = ((self.state.get("audio") or {}).get("output") or {}).get("voice")
        return said if said is not None else self._wanted_voice(self.settings)


async def dial(
    client: AsyncOpenAI,
    model: str,
    settings: LiveSettings,
    *,
    timeout_s: float,
    transcript_wait_s: float,
    socket_options: Mapping[str, Any],
) -> RealtimeConnection:
    """Open a connection and configure its session.

    Args:
        client: The SDK's client.
        model: The model's name.
        settings: What to configure it with.
        timeout_s: How long to wait for socket, upgrade, session and configuration together.
        transcript_wait_s: How long after the caller's words their transcript is waited for.
        socket_options: For websockets' ``connect()``.

    Raises:
        ProviderConnectionError: It could not be opened, or the service refused the configuration.
        ConfigurationError: The settings are not acceptable.
    """
    manager = client.realtime.connect(model=model, websocket_connection_options=cast(Any, dict(socket_options)))
    connection: RealtimeConnection | None = None
    try:
        async with asyncio.timeout(timeout_s):
            connection = RealtimeConnection(await manager.enter(), settings, transcript_wait_s)
            await connection.set_up()
    except BaseException as error:
        if connection is not None:
            await connection.close()
        if not isinstance(error, Exception):
            raise
        mapped = to_provider_error(error, "connecting")
        if not isinstance(mapped, ProviderConnectionError):
            mapped = ProviderConnectionError(str(mapped), retryable=mapped.retryable, provider=PROVIDER)
        raise mapped from error
    return connection
