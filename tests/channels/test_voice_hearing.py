"""The voice channel, from the caller to the room: what is recognised, and when an utterance is over."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.errors import ConfigurationError, ProviderError, StoreError
from roomkit_sim.models.enums import EventType, HookExecution, HookTrigger
from roomkit_sim.models.hook import HookResult
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.voice.base import TranscriptionResult, VoiceSession
from roomkit_sim.voice.events import TranscriptionEvent
from roomkit_sim.voice.pipeline import AudioPipelineConfig, MockTurnDetector, TurnDecision
from roomkit_sim.voice.pipeline.vad.energy import EnergyVADProvider
from roomkit_sim.voice.stt.mock import MockSTTProvider

pytestmark = pytest.mark.sim

LOUD_STEREO = b"\x00\x20\x00\x20\x00\xe0\x00\xe0" * 160
START, END = HookTrigger.ON_SPEECH_START, HookTrigger.ON_SPEECH_END
PARTIAL, FINAL = HookTrigger.ON_PARTIAL_TRANSCRIPTION, HookTrigger.ON_TRANSCRIPTION
AFTER, CANCELLED, BARGE_IN = HookTrigger.AFTER_TTS, HookTrigger.ON_TTS_CANCELLED, HookTrigger.ON_BARGE_IN


async def test_what_the_caller_says_is_answered_in_the_agents_voice(call):
    await call.ask()
    await call.answer_played()
    assert await call.timeline() == [("voice", "I want to invest."), ("agent", "I can help you with that.")]
    assert call.tts.calls == [{"text": "I can help you with that.", "voice": "agents-voice"}]
    assert call.played_bytes() == 2 * 24 * call.tts.duration_ms("I can help you with that.")
    assert call.told(AFTER) == ["I can help you with that."]
    assert call.errors == []


async def test_the_callers_message_tells_whose_it_is_and_where_it_comes_from(call):
    await call.ask()
    await call.answer_played()
    [asked, _] = [e for e in await call.kit.store.list_events("call-1") if e.type is EventType.MESSAGE]
    assert asked.source.participant_id == "caller-1"
    assert asked.metadata["voice_session_id"] == call.session.id
    assert asked.metadata["source"] == "voice"


async def test_the_recogniser_gets_the_whole_utterance_with_its_beginning_and_hangover(call):
    await call.be_silent(1000)
    await call.ask()
    await call.answer_played()
    [heard] = call.stt.calls
    # 300 ms from before the decision, of which 40 are speech; the rest of the 400 ms of speech; 500 ms of hangover.
    assert len(heard.data) == 2 * 16 * (300 + 20 + 340 + 500)
    assert heard.sample_rate == 16000


async def test_a_streaming_recogniser_gets_the_same_audio_and_its_partial_results_are_told_before_the_end(voice_call):
    call = await voice_call(stt=MockSTTProvider(["I want to invest."], streaming=True))
    await call.be_silent(1000)
    await call.ask()
    await call.answer_played()
    [heard] = call.stt.calls
    assert len(heard.data) == 2 * 16 * (300 + 20 + 340 + 500)
    assert [event.text for event in call.told(PARTIAL)] == ["I", "I want", "I want to", "I want to invest."]
    assert call.moments(START, PARTIAL, END) == [START, *[PARTIAL] * 4, END]
    assert ("voice", "I want to invest.") in await call.timeline()


async def test_not_streaming_uses_the_providers_as_a_whole(voice_call):
    call = await voice_call(stt=MockSTTProvider(["One. Two."], streaming=True), streaming=False)
    await call.ask()
    await call.answer_played()
    assert call.told(PARTIAL) == []
    assert len(call.tts.calls) == 1


@pytest.mark.parametrize("changed", ["I want bonds.", TranscriptionEvent(VoiceSession(), "I want bonds.")])
async def test_a_hook_changes_what_was_understood(call, changed):
    @call.kit.hook(FINAL)
    async def correct(event, context):
        assert event.text == "I want to invest."
        return HookResult.modify(changed)

    await call.ask()
    await call.answer_played()
    assert ("voice", "I want bonds.") in await call.timeline()


async def test_a_hook_blocks_what_was_understood(call):
    @call.kit.hook(FINAL)
    async def block(event, context):
        return HookResult.block("not for the agent")

    await call.ask()
    await call.answer_played()
    assert await call.timeline() == []
    assert call.model.calls == []


async def test_noise_that_is_no_words_says_nothing(voice_call):
    call = await voice_call(stt=MockSTTProvider(["  "]))
    transcribed = []

    @call.kit.hook(FINAL)
    async def note(event, context):
        transcribed.append(event)
        return HookResult.allow()

    await call.ask()
    await call.answer_played()
    assert (await call.timeline(), transcribed) == ([], [])


async def test_utterances_are_answered_in_the_order_in_which_they_were_spoken_however_long_recognition_takes(
    voice_call,
):
    class SlowAtFirst(MockSTTProvider):
        async def transcribe(self, audio):
            result = await super().transcribe(audio)
            await asyncio.sleep(3 if len(self.calls) == 1 else 0)
            return result

    call = await voice_call(stt=SlowAtFirst(["first", "second"]))
    await call.ask()
    await call.ask()
    await asyncio.sleep(5)
    assert [text for who, text in await call.timeline() if who == "voice"] == ["first", "second"]


async def test_a_recogniser_that_fails_is_reported_and_the_next_utterance_is_heard(voice_call):
    stt = MockSTTProvider(["lost", "heard"], fail=lambda number: ProviderError("no quota") if number == 0 else None)
    call = await voice_call(stt=stt)
    await call.ask()
    await call.ask()
    await call.answer_played()
    assert ("voice", "heard") in await call.timeline()
    assert [(error["where"], error["message"]) for error in call.errors] == [("recogniser mock", "no quota")]


async def test_a_caller_is_heard_again_after_the_store_has_failed(voice_call, monkeypatch):
    async def down(room_id: str) -> None:
        raise StoreError("the database is down")

    call = await voice_call(stt=MockSTTProvider(["first", "second"]))
    with monkeypatch.context() as broken:
        broken.setattr(call.kit.store, "get_room", down)
        await call.ask()
    await call.ask()
    await call.answer_played()
    assert [text for who, text in await call.timeline() if who == "voice"] == ["second"]
    assert call.errors[0]["exception"] == "StoreError"


async def test_a_caller_is_heard_again_after_a_tool_has_awaited_something_cancelled(voice_call):
    asks = AIResponse(tool_calls=[AIToolCall(id="t1", name="look_up")])
    call = await voice_call(
        stt=MockSTTProvider(["first", "second"]),
        model=MockAIProvider(ai_responses=[asks, AIResponse(content="I could not."), AIResponse(content="Yes?")]),
    )

    async def look_up(name: str, arguments: dict[str, object]) -> str:
        raise asyncio.CancelledError

    call.agent.tool_handler = look_up
    await call.ask()
    await call.answer_played()
    await call.ask()
    await call.answer_played()
    assert await call.timeline() == [
        ("voice", "first"),
        ("agent", "I could not."),
        ("voice", "second"),
        ("agent", "Yes?"),
    ]


async def test_a_stream_that_breaks_is_recognised_once_more_as_a_whole(voice_call):
    stt = MockSTTProvider(
        ["lost", "heard"], streaming=True, fail=lambda number: ProviderError("cut") if number == 0 else None
    )
    call = await voice_call(stt=stt)
    await call.ask()
    await call.answer_played()
    assert ("voice", "heard") in await call.timeline()
    assert len(call.stt.calls[0].data) == 2 * 16 * (400 + 500)
    assert [error["message"] for error in call.errors] == ["cut"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_recogniser_that_never_answers_is_given_up(voice_call, streaming):
    class Stuck(MockSTTProvider):
        async def transcribe(self, audio):
            if not self.calls:
                self.calls.append(audio)
                await asyncio.Event().wait()
            return await super().transcribe(audio)

        async def transcribe_stream(self, audio):
            async for _ in audio:
                pass
            await asyncio.Event().wait()
            yield TranscriptionResult("never")

    call = await voice_call(stt=Stuck(["heard"], streaming=streaming), stt_timeout_seconds=5)
    await call.ask()
    await call.ask()
    await asyncio.sleep(30)
    assert "did not answer in time" in call.errors[0]["message"]
    assert ("voice", "heard") in await call.timeline()


async def test_a_turn_detector_joins_utterances_until_the_caller_has_finished(voice_call):
    detector = MockTurnDetector([TurnDecision(is_complete=False, wait_ms=5000)])
    call = await voice_call(
        stt=MockSTTProvider(["I want", "to invest."]),
        pipeline=AudioPipelineConfig(vad=EnergyVADProvider(), turn_detector=detector),
    )
    await call.ask()
    await call.ask()
    await call.answer_played()
    assert [text for who, text in await call.timeline() if who == "voice"] == ["I want to invest."]
    assert [context.utterances for context in detector.contexts] == [("I want",), ("I want", "to invest.")]


async def test_a_turn_that_the_caller_does_not_go_on_with_is_answered_after_the_wait_even_after_noise(voice_call):
    detector = MockTurnDetector([TurnDecision(is_complete=False, wait_ms=1500)] * 9)
    call = await voice_call(
        stt=MockSTTProvider(["I want", ""]),
        pipeline=AudioPipelineConfig(vad=EnergyVADProvider(), turn_detector=detector),
    )
    await call.ask()
    await call.ask()
    await asyncio.sleep(1.3)
    assert await call.timeline() == []
    await asyncio.sleep(0.3)
    assert ("voice", "I want") in await call.timeline()
    assert len(detector.contexts) == 1


async def test_a_turn_is_not_over_while_the_caller_goes_on_speaking(voice_call):
    detector = MockTurnDetector([TurnDecision(is_complete=False, wait_ms=300)])
    call = await voice_call(
        stt=MockSTTProvider(["I want", "to invest."]),
        pipeline=AudioPipelineConfig(vad=EnergyVADProvider(), turn_detector=detector),
    )
    await call.ask()
    await call.speak(2000)
    await call.be_silent(600)
    await call.answer_played()
    assert [text for who, text in await call.timeline() if who == "voice"] == ["I want to invest."]


async def test_a_turn_detector_that_fails_ends_the_turn(voice_call):
    class Broken(MockTurnDetector):
        async def evaluate(self, context):
            raise ValueError("broken")

    call = await voice_call(pipeline=AudioPipelineConfig(vad=EnergyVADProvider(), turn_detector=Broken()))
    await call.ask()
    await call.answer_played()
    assert ("voice", "I want to invest.") in await call.timeline()
    assert [error["message"] for error in call.errors] == ["broken"]


async def test_in_batch_mode_a_recogniser_that_answers_nonsense_is_reported_and_keeps_nobody_waiting(voice_call):
    call = await voice_call(batch_mode=True, stt=MockSTTProvider([TranscriptionResult(None)]))
    await call.speak(400)
    async with asyncio.timeout(60):
        assert await call.voice.flush_stt(call.session) == ""
    assert len(call.errors) == 1


async def test_in_batch_mode_an_utterance_ends_on_request_whatever_the_pauses(voice_call):
    call = await voice_call(batch_mode=True, enable_barge_in=False)
    await call.ask()
    await call.ask()
    assert await call.timeline() == []
    assert await call.voice.flush_stt(call.session) == "I want to invest."
    assert await call.voice.flush_stt(call.session) == ""
    await call.answer_played()
    [heard] = call.stt.calls
    assert len(heard.data) == 2 * 16 * 2000
    assert ("voice", "I want to invest.") in await call.timeline()


@pytest.mark.parametrize("during", ["recognition", "the hooks"])
async def test_who_waits_for_an_utterance_is_told_when_the_session_ends_before_it_is_understood(voice_call, during):
    begun, go = asyncio.Event(), asyncio.Event()

    async def wait(now):
        if during == now:
            begun.set()
            await go.wait()

    class Slow(MockSTTProvider):
        async def transcribe(self, audio):
            await wait("recognition")
            return await super().transcribe(audio)

    call = await voice_call(stt=Slow(["first"]), batch_mode=True)

    @call.kit.hook(FINAL)
    async def slow(event, context):
        await wait("the hooks")
        return HookResult.allow()

    await call.speak(400)
    flushed = asyncio.create_task(call.voice.flush_stt(call.session))
    await begun.wait()
    ending = asyncio.create_task(call.voice.end_session(call.session))
    await asyncio.sleep(1)
    go.set()
    await ending
    async with asyncio.timeout(5):
        assert await flushed == ""


async def test_who_waits_for_an_utterance_is_told_when_the_hooks_cannot_be_asked(voice_call, monkeypatch):
    async def down(room_id: str) -> None:
        raise StoreError("the database is down")

    call = await voice_call(batch_mode=True)
    call.kit.hook(FINAL)(lambda event, context: None)
    await call.speak(400)
    monkeypatch.setattr(call.kit.store, "get_room", down)
    async with asyncio.timeout(5):
        assert await call.voice.flush_stt(call.session) == ""


@pytest.mark.parametrize("streaming", [False, True])
async def test_who_waits_for_an_utterance_is_told_when_the_recogniser_awaited_something_cancelled(
    voice_call, streaming
):
    class Cancelling(MockSTTProvider):
        async def transcribe(self, audio):
            raise asyncio.CancelledError

        async def transcribe_stream(self, audio):
            raise asyncio.CancelledError
            yield

    call = await voice_call(stt=Cancelling(streaming=streaming), batch_mode=True)
    await call.speak(400)
    async with asyncio.timeout(5):
        assert await call.voice.flush_stt(call.session) == ""
    assert {error["exception"] for error in call.errors} == {"WorkCancelledError"}


async def test_words_that_a_busy_room_does_not_take_in_time_are_reported(voice_call):
    call = await voice_call()
    async with call.kit.lock_manager.locked("call-1"):
        await call.ask()
        await asyncio.sleep(40)
    await call.answer_played()
    assert await call.timeline() == []
    [error] = call.errors
    assert error["where"] == "what the caller said"
    assert "was held for too long" in error["message"]


async def test_without_a_detector_the_recogniser_finds_the_utterances_itself(voice_call):
    class Remote(MockSTTProvider):
        """Hears an utterance in every second of audio."""

        async def transcribe_stream(self, audio):
            length = 0
            async for chunk in audio:
                length += len(chunk.data)
                if length % 32000 == 0:
                    yield TranscriptionResult(f"second {length // 32000}")

    call = await voice_call(stt=Remote(streaming=True), pipeline=AudioPipelineConfig())
    await call.speak(2000)
    await call.answer_played()
    assert [text for who, text in await call.timeline() if who == "voice"] == ["second 1", "second 2"]


async def test_an_endless_stream_that_breaks_is_begun_again_after_a_pause_and_not_with_every_frame(voice_call):
    stt = MockSTTProvider(streaming=True, fail=lambda number: ProviderError("refused"))
    call = await voice_call(stt=stt, pipeline=AudioPipelineConfig())
    await call.speak(3000)
    assert 2 <= len(call.errors) <= 3


async def test_a_recogniser_that_cannot_find_utterances_needs_a_detector():
    with pytest.raises(ConfigurationError, match="give the pipeline a vad"):
        VoiceChannel("voice", stt=MockSTTProvider(), pipeline=AudioPipelineConfig())
    with pytest.raises(ConfigurationError, match="give the pipeline a vad"):
        VoiceChannel("voice", stt=MockSTTProvider(streaming=True), pipeline=AudioPipelineConfig(), streaming=False)


async def test_a_muted_caller_is_not_heard_until_unmuted(call):
    await call.speak(200)
    await call.kit.mute("call-1", "voice")
    await call.ask()
    await call.kit.unmute("call-1", "voice")
    await call.be_silent(600)
    await call.answer_played()
    assert (await call.timeline(), call.stt.calls) == ([], [])
    await call.ask()
    await call.answer_played()
    assert len(await call.timeline()) == 2


async def test_long_silence_and_levels_are_told(call):
    levels = []

    @call.kit.hook(HookTrigger.ON_VAD_AUDIO_LEVEL, execution=HookExecution.ASYNC)
    async def level(event, context):
        levels.append((round(event.level_db), event.is_speech))

    await call.be_silent(2500)
    await call.speak(500)
    assert [event.silence_duration_ms for event in call.told(HookTrigger.ON_VAD_SILENCE)] == [2000.0]
    assert len(levels) == 30
    assert levels[0] == (-120, False)
    assert levels[-1] == (-12, True)


async def test_input_and_output_levels_are_told(call):
    told = {HookTrigger.ON_INPUT_AUDIO_LEVEL: [], HookTrigger.ON_OUTPUT_AUDIO_LEVEL: []}
    for trigger, events in told.items():

        async def level(event, context, events=events):
            events.append(event)

        call.kit.hook(trigger, execution=HookExecution.ASYNC)(level)
    await call.ask()
    await call.answer_played()
    assert len(told[HookTrigger.ON_INPUT_AUDIO_LEVEL]) == 10
    assert round(told[HookTrigger.ON_OUTPUT_AUDIO_LEVEL][0]["dbfs"]) == -15


async def test_more_frames_than_allowed_are_dropped(voice_call):
    call = await voice_call(max_audio_frames_per_second=10)
    await call.ask()
    await call.answer_played()
    assert call.stt.calls == []
