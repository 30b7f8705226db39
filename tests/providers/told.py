"""What a realtime provider tells, in order, and a way to wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import RealtimeVoiceProvider

PATIENCE_S = 5.0


@dataclass
class Told:
    """All that a provider's callbacks were told, in order, and a way to wait for it."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def listen_to(self, provider: RealtimeVoiceProvider) -> Told:
        def on(kind: str) -> Callable[..., Awaitable[None]]:
            async def take(session: VoiceSession, *args: Any) -> None:
                self.events.append((kind, *args))
                async with self.news:
                    self.news.notify_all()

            return take

        provider.on_audio(on("audio"))
        provider.on_transcription(on("transcription"))
        provider.on_speech_start(on("speech_start"))
        provider.on_speech_end(on("speech_end"))
        provider.on_tool_call(on("tool_call"))
        provider.on_tool_calls_cancelled(on("tool_calls_cancelled"))
        provider.on_response_start(on("response_start"))
        provider.on_response_end(on("response_end"))
        provider.on_error(on("error"))
        provider.on_connection(on("connection"))
        return self

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == kind]

    @property
    def steps(self) -> list[str]:
        return [step for step, _ in self.of("connection")]

    @property
    def finals(self) -> list[tuple[str, str]]:
        return [(role, text) for text, role, final in self.of("transcription") if final]

    @property
    def error_codes(self) -> list[str]:
        return [code for code, _ in self.of("error")]

    async def until(self, met: Callable[[Told], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: met(self))
