"""One connection of the SDK: dialled, used, closed. No policy.

``client.aio.live.connect()`` is an async context manager; here it is entered and left by hand, because a connection
lives from one callback to another and not inside a block.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import ProviderConnectionError, ProviderProtocolError
from roomkit_sim.providers.gemini.failures import PROVIDER, to_provider_error
from roomkit_sim.providers.gemini.live_config import connect_config
from roomkit_sim.providers.gemini.live_events import LiveNormaliser
from roomkit_sim.providers.realtime.events import LiveEvent
from roomkit_sim.providers.realtime.settings import LiveSettings
from roomkit_sim.providers.realtime.sockets import Sending, leave

if TYPE_CHECKING:
    from google.genai import Client, types
    from google.genai.live import AsyncSession

__all__ = ["LiveConnection", "dial", "tool_response"]

_MAX_UNKNOWN_IN_A_ROW = 50


class LiveConnection:
    """An open connection.

    Args:
        context: The SDK's context manager, entered.
        session: What it gave.
        settings: What the connection was configured with.
        rate_hz: Sample rate of the audio that :meth:`send_audio` is given.
    """

    def __init__(
        self,
        context: AbstractAsyncContextManager[AsyncSession],
        session: AsyncSession,
        settings: LiveSettings,
        rate_hz: int,
    ) -> None:
        from google.genai import types

        self.settings = settings
        self._normaliser = LiveNormaliser(interruptible=settings.interruptible)
        self._context = context
        self._session = session
        self._blob = types.Blob
        self._mime_type = f"audio/pcm;rate={rate_hz}"
        # The SDK has no other way to it.
        self._socket: object = getattr(session, "_ws", None)
        self._closing: asyncio.Future[None] | None = None

    @property
    def session_id(self) -> str | None:
        """What the server calls the session; it need not call it anything."""
        return self._session.session_id

    @property
    def set_up(self) -> bool:
        """Whether the first frame was the expected ``setupComplete``; the SDK swallows any other."""
        return self._session.setup_complete is not None

    @property
    def responding(self) -> bool:
        """Whether the model's turn is open."""
        return self._normaliser.responding

    @property
    def attending(self) -> bool:
        """Whether the caller speaks, or has said something that is not answered yet, by the server's word."""
        return self._normaliser.attending

    async def send_audio(self, pcm: bytes) -> None:
        """Send PCM16 mono. The exception of a broken connection is the SDK's own: callers only keep the audio."""
        async with Sending(self._socket):
            await self._session.send_realtime_input(audio=self._blob(data=pcm, mime_type=self._mime_type))

    async def send_turns(self, turns: Sequence[types.Content], *, complete: bool) -> None:
        """Send ``client_content``; the model answers if ``complete``.

        Raises:
            ProviderError: It could not be sent.
        """
        try:
            async with Sending(self._socket):
                await self._session.send_client_content(turns=list(turns), turn_complete=complete)
        except Exception as error:
            raise to_provider_error(error, "sending text") from error

    async def send_context_update(self, settings: LiveSettings) -> None:
        """Change prompt and tools, from the next answer on.

        Raises:
            ProviderError: It could not be sent.
        """
        config = connect_config(settings, None)
        try:
            async with Sending(self._socket):
                await self._session.send_context_update(
                    system_instruction=config.system_instruction, tools=config.tools or []
                )
        except Exception as error:
            raise to_provider_error(error, "changing the configuration") from error

    async def send_tool_response(self, call_id: str, name: str, result: str) -> None:
        """Answer a function call.

        Raises:
            ProviderError: It could not be sent.
        """
        from google.genai import types

        response = types.FunctionResponse(id=call_id, name=name, response=tool_response(result))
        try:
            async with Sending(self._socket):
                await self._session.send_tool_response(function_responses=[response])
        except Exception as error:
            raise to_provider_error(error, f"sending the result of {name}") from error

    async def events(self) -> AsyncGenerator[LiveEvent | ProviderProtocolError, None]:
        """What happens, for ever; a message that the SDK does not understand comes as the error it is.

        Raises:
            ProviderConnectionError: The connection is gone, however that came.
        """
        async with aclosing(self._messages()) as messages:
            async for message in messages:
                if isinstance(message, ProviderProtocolError):
                    yield message
                    continue
                # Outside what maps the exceptions of the SDK: a defect of ours is no word of the server's.
                for event in self._normaliser.feed(message):
                    yield event

    async def _messages(self) -> AsyncGenerator[types.LiveServerMessage | ProviderProtocolError, None]:
        unknown_in_a_row = 0
        while True:
            try:
                # receive() ends with each turn of the model.
                async for message in self._session.receive():
                    unknown_in_a_row = 0
                    yield message
            except Exception as error:
                mapped = to_provider_error(error, "receiving")
                unknown_in_a_row += 1
                if not isinstance(mapped, ProviderProtocolError) or unknown_in_a_row > _MAX_UNKNOWN_IN_A_ROW:
                    raise mapped from error
                yield mapped

    def end(self) -> list[LiveEvent]:
        """The connection is left: what was said on it is final, and its turn is over."""
        return self._normaliser.end()

    async def close(self) -> None:
        """Close it, and wait until it is closed: a server may refuse to resume a session whose socket is open.

        Whoever calls it again waits for the same closing.
        """
        if self._closing is None:
            closing = self._context.__aexit__(None, None, None)
            self._closing = asyncio.ensure_future(leave(_done(closing), self._socket))
        await asyncio.shield(self._closing)


async def _done(closing: Awaitable[object]) -> None:
    await closing


async def dial(
    client: Client, model: str, settings: LiveSettings, handle: str | None, *, rate_hz: int, timeout_s: float
) -> LiveConnection:
    """Open a connection.

    Args:
        client: The SDK's client.
        model: The model's name.
        settings: What to configure it with.
        handle: Which conversation to go on with, if any.
        rate_hz: Sample rate of the caller's audio.
        timeout_s: How long to wait for socket, upgrade and ``setupComplete`` together.

    Raises:
        ProviderConnectionError: It could not be opened.
        ConfigurationError: The settings are not acceptable.
    """
    context = client.aio.live.connect(model=model, config=connect_config(settings, handle))
    connection: LiveConnection | None = None
    try:
        async with asyncio.timeout(timeout_s):
            session = await context.__aenter__()
            connection = LiveConnection(context, session, settings, rate_hz)
            if not connection.set_up:
                await _set_up_later(session)
    except BaseException as error:
        if connection is not None:
            await connection.close()
        if not isinstance(error, Exception):
            raise
        mapped = to_provider_error(error, "connecting")
        if isinstance(mapped, ProviderProtocolError):
            mapped = ProviderConnectionError(str(mapped), provider=PROVIDER)
        raise mapped from error
    return connection


async def _set_up_later(session: AsyncSession) -> None:
    """Wait for ``setupComplete`` where another frame came first: the SDK takes whatever comes first for it."""
    async for message in session.receive():
        if message.setup_complete is not None:
            return


def tool_response(result: str) -> dict[str, Any]:
    """A tool's result as the object that the protocol wants: a JSON object as it stands, anything else wrapped."""
    try:
        parsed = json.loads(result)
    except ValueError:
        return {"result": result}
    return parsed if isinstance(parsed, dict) else {"result": parsed}
