"""A model that writes while it is listened to, and what its words became."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.models.enums import EventType
from roomkit_sim.models.event import RoomEvent, TextContent
from roomkit_sim.providers.ai.base import AIContext, AIProvider, AIResponse, AIToolCall
from roomkit_sim.voice.tts.mock import MockTTSProvider

FIRST, SECOND = "I can help you with that.", "Bonds are a good beginning."
LOOK_UP = AIToolCall(id="t1", name="look_up", arguments={"what": "bonds"})
HANDOFF = AIToolCall(
    id="h1",
    name="handoff_conversation",
    arguments={"target": "advisor", "reason": "wants advice", "summary": "wants to invest"},
)
FAREWELL = "One moment, please."


class Writer(AIProvider):
    """Writes what its script says: words, pauses in seconds, failures, and calls; one list is one answer."""

    supports_streaming = True

    def __init__(self, *answers: list[Any], log: list[str] | None = None, usage: dict[str, int] | None = None) -> None:
        self._answers = answers
        self.calls: list[AIContext] = []
        self.log = log if log is not None else []
        self._usage = usage or {}

    @property
    def model_name(self) -> str:
        return "writer"

    async def generate(self, context: AIContext) -> AIResponse:
        *_, answer = [piece async for piece in self.stream_response(context)]
        assert isinstance(answer, AIResponse)
        return answer

    async def stream_response(self, context: AIContext) -> AsyncGenerator[str | AIResponse, None]:
        self.calls.append(context.model_copy(deep=True))
        words, calls = "", []
        try:
            for part in self._answers[(len(self.calls) - 1) % len(self._answers)]:
                match part:
                    case float():
                        await asyncio.sleep(part)
                    case BaseException():
                        raise part
                    case AIToolCall():
                        calls.append(part)
                    case _:
                        words += part
                        yield part
            self.log.append("written")
            yield AIResponse(content=words, tool_calls=calls, usage=self._usage)
        finally:
            self.log.append("closed")


class LoggingTTS(MockTTSProvider):
    """Notes in a log what it is to say, in which order with what others note there."""

    def __init__(self, log: list[str], **settings: Any) -> None:
        super().__init__(**settings)
        self._log = log

    def _record(self, text: str, voice: str | None) -> None:
        self._log.append(f"says {text.strip()}")
        super()._record(text, voice)


async def attach(call: Any, channel: Any, **binding: Any) -> None:
    call.kit.register_channel(channel)
    await call.kit.attach_channel("call-1", channel.channel_id, **binding)


async def reader_of(call: Any) -> list[dict[str, Any]]:
    """Somebody who reads along on a screen; gives what the agent is shown to have said."""
    shown: list[dict[str, Any]] = []
    screen = WebSocketChannel("screen")

    async def show(event: dict[str, Any]) -> None:
        if event["source"]["channel_id"] == "agent":
            shown.append(event)

    await attach(call, screen)
    screen.connect("browser", show)
    return shown


async def replies(call: Any) -> list[RoomEvent]:
    events = await call.kit.store.list_events("call-1", limit=100)
    return [e for e in events if e.type is EventType.MESSAGE and e.source.channel_id != "voice"]


def bodies(events: list[RoomEvent]) -> list[str]:
    return [event.content.body for event in events if isinstance(event.content, TextContent)]


def said(call: Any) -> list[str]:
    return [str(spoken["text"]).strip() for spoken in call.tts.calls]
