"""The project's realtime providers keep the public contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.providers.realtime import LiveTiming
from roomkit_sim.testing.realtime_provider_contract import RealtimeProviderContract
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider
from tests.failures.live_service import ScriptedService
from tests.providers.openai.realtime_service import KEY, ScriptedRealtime, serving

SAID = "Good morning"
WORD = {"word": "bond"}


class TestMock(RealtimeProviderContract):
    @asynccontextmanager
    async def provider(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        yield MockRealtimeProvider()

    async def model_speaks(self, provider: Any, session: VoiceSession) -> None:
        await provider.simulate_response_start(session)
        await provider.simulate_audio(session, bytes(960))
        await provider.simulate_transcription(session, SAID, "assistant", True)
        await provider.simulate_response_end(session)

    async def model_calls(self, provider: Any, session: VoiceSession, call_id: str) -> None:
        await provider.simulate_tool_call(session, call_id, "look_up", WORD)

    async def service_ends(self, provider: Any, session: VoiceSession) -> None:
        await provider.simulate_error(session, "connection_closed", "the service has ended the session")
        await provider.simulate_connection(session, "closed")


@pytest.mark.sim
class TestGeminiLive(RealtimeProviderContract):
    voices = ("Aoede", "Charon")
    service: ScriptedService

    @asynccontextmanager
    async def provider(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        self.service = ScriptedService()
        async with self.service.serving(request.getfixturevalue("world")):
            yield GeminiLiveProvider("simulated", timing=LiveTiming(handle_wait_s=0.1))

    async def model_speaks(self, provider: Any, session: VoiceSession) -> None:
        connection = self.service.connections[-1]
        await connection.content(outputTranscription={"text": SAID})
        await connection.speak(bytes(960))
        await connection.content(turnComplete=True)

    async def model_calls(self, provider: Any, session: VoiceSession, call_id: str) -> None:
        await self.service.connections[-1].call(call_id, "look_up", WORD)

    async def service_ends(self, provider: Any, session: VoiceSession) -> None:
        await self.service.connections[-1].socket.close(1000)


@pytest.mark.sim
class TestOpenAIRealtime(RealtimeProviderContract):
    voices = ("marin", "cedar")
    service: ScriptedRealtime

    @asynccontextmanager
    async def provider(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        async with serving(request.getfixturevalue("world")) as self.service:
            yield OpenAIRealtimeProvider(KEY)

    async def model_speaks(self, provider: Any, session: VoiceSession) -> None:
        await self.service.connections[-1].answer("r1", SAID)

    async def model_calls(self, provider: Any, session: VoiceSession, call_id: str) -> None:
        await self.service.connections[-1].call("r1", (call_id, "look_up", json.dumps(WORD, indent=2)))

    async def service_ends(self, provider: Any, session: VoiceSession) -> None:
        await asyncio.sleep(0.1)
        await self.service.connections[-1].socket.close(1000)
