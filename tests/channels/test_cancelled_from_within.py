"""A tool, model, recogniser, synthesiser or hook whose own task is cancelled fails; the call it serves goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from roomkit_sim.errors import WorkCancelledError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.providers.ai.base import AIContext, AIResponse, AIToolCall
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.voice.base import AudioChunk, TranscriptionResult
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider

pytestmark = pytest.mark.sim

SAID, ANSWERED = ("voice", "I want to invest."), ("agent", "I can help you with that.")


async def cancelled_from_within() -> None:
    """As of a client library whose connection is closed: gRPC's raises CancelledError then."""
    inner = asyncio.create_task(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(inner.cancel)
    await inner


class FirstTime:
    """Is cancelled from within the first time."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        if self.asked == 1:
            await cancelled_from_within()


class Model(MockAIProvider):
    def __init__(self, *, streaming: bool) -> None:
        super().__init__(["I can help you with that."], streaming=streaming)
        self.first = FirstTime()

    async def generate(self, context: AIContext) -> AIResponse:
        await self.first()
        return await super().generate(context)


class Recogniser(MockSTTProvider):
    def __init__(self, *, streaming: bool) -> None:
        super().__init__(["I want to invest."], streaming=streaming)
        self.first = FirstTime()

    async def transcribe(self, audio: AudioChunk) -> TranscriptionResult:
        await self.first()
        return await super().transcribe(audio)

    async def transcribe_stream(self, audio: AsyncIterator[AudioChunk]) -> AsyncIterator[TranscriptionResult]:
        async for chunk in audio:
            del chunk
        await self.first()
        yield self._next()


class Synthesiser(MockTTSProvider):
    async def synthesize_stream(self, text: str, *, voice: str | None = None) -> AsyncIterator[AudioChunk]:
        yield AudioChunk(b"\1\0" * 2400, 24000)
        await cancelled_from_within()


async def twice(call: Any) -> None:
    for _ in range(2):
        await call.ask()
        await call.answer_played()


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_caller_is_heard_after_a_model_was_cancelled_from_within(
    voice_call: Callable[..., Any], streaming: bool
) -> None:
    call = await voice_call(model=Model(streaming=streaming))
    await twice(call)
    assert await call.timeline() == [SAID, SAID, ANSWERED]
    assert [error["exception"] for error in call.errors] == ["WorkCancelledError"]


async def test_a_model_is_told_that_its_tool_was_cancelled_from_within(voice_call: Callable[..., Any]) -> None:
    answers = [
        AIResponse(tool_calls=[AIToolCall(id="1", name="book", arguments={})]),
        AIResponse(content="I can help you with that."),
    ]
    call = await voice_call(model=MockAIProvider(ai_responses=answers))
    call.agent.tool_handler = lambda name, arguments: cancelled_from_within()
    await call.ask()
    await call.answer_played()
    assert await call.timeline() == [SAID, ANSWERED]
    [result] = call.model.calls[1].messages[-1].content
    assert "tool 'book' awaited something that was cancelled" in result.result


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_caller_is_heard_after_a_recogniser_was_cancelled_from_within(
    voice_call: Callable[..., Any], streaming: bool
) -> None:
    call = await voice_call(stt=Recogniser(streaming=streaming))
    await twice(call)
    # A stream that fails is recognised once more as a whole.
    assert await call.timeline() == [SAID, ANSWERED] * (2 if streaming else 1)
    assert [error["exception"] for error in call.errors] == ["WorkCancelledError"]


async def test_who_waits_for_speech_learns_that_the_synthesiser_was_cancelled_from_within(
    voice_call: Callable[..., Any],
) -> None:
    call = await voice_call(tts=Synthesiser())
    async with asyncio.timeout(10):
        with pytest.raises(WorkCancelledError, match="speech awaited something that was cancelled"):
            await call.voice.say(call.session, "Hello.")
        assert await call.voice.wait_playback_done("call-1", timeout=5)


@pytest.mark.parametrize(
    "trigger", [HookTrigger.ON_TRANSCRIPTION, HookTrigger.BEFORE_BROADCAST, HookTrigger.AFTER_BROADCAST]
)
async def test_a_caller_is_answered_although_a_hook_was_cancelled_from_within(call: Any, trigger: HookTrigger) -> None:
    first = FirstTime()

    @call.kit.hook(trigger)
    async def hook(event: Any, context: Any) -> Any:
        await first()
        raise RuntimeError("an error like any other")

    await call.ask()
    await call.answer_played()
    assert await call.timeline() == [SAID, ANSWERED]
    assert call.errors[0]["exception"] == "WorkCancelledError"
