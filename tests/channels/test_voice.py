"""The voice channel: from the caller's audio to the agent's voice."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.channels.voice_parts.words import spoken_words
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import ConfigurationError, ProviderError, SessionNotFoundError, StoreError
from roomkit_sim.models.enums import ChannelType, EventType, HookExecution, HookTrigger
from roomkit_sim.models.event import (
    AudioContent,
    CompositeContent,
    EventSource,
    LocationContent,
    MediaContent,
    RichContent,
    RoomEvent,
    SystemContent,
    TextContent,
)
from roomkit_sim.models.hook import HookResult
from roomkit_sim.providers.ai.base import AIResponse, AIToolCall
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.base import TranscriptionResult, VoiceSession, VoiceSessionState
from roomkit_sim.voice.events import TranscriptionEvent
from roomkit_sim.voice.pipeline import AudioPipelineConfig, MockTurnDetector, TurnDecision
from roomkit_sim.voice.pipeline.vad.energy import EnergyVADProvider
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider

pytestmark = pytest.mark.sim

LOUD_STEREO = b"\x00\x20\x00\x20\x00\xe0\x00\xe0" * 160
START, END = HookTrigger.ON_SPEECH_START, HookTrigger.ON_SPEECH_END
PARTIAL, FINAL = HookTrigger.ON_PARTIAL_TRANSCRIPTION, HookTrigger.ON_TRANSCRIPTION
AFTER, CANCELLED, BARGE_IN = HookTrigger.AFTER_TTS, HookTrigger.ON_TTS_CANCELLED, HookTrigger.ON_BARGE_IN


# From the caller to the room


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


# From the room to the caller


async def test_an_agent_without_a_voice_speaks_in_the_default_one(voice_call):
    call = await voice_call(voice_map={})
    await call.ask()
    await call.answer_played()
    assert [spoken["voice"] for spoken in call.tts.calls] == ["mock-voice"]


async def test_the_voice_map_can_be_added_to(call):
    call.voice.update_voice_map({"agent": "new", "other": "another"})
    assert call.voice.voice_map == {"agent": "new", "other": "another"}
    await call.ask()
    await call.answer_played()
    assert [spoken["voice"] for spoken in call.tts.calls] == ["new"]


async def test_a_voice_that_fails_is_reported_and_the_default_one_speaks(voice_call):
    tts = MockTTSProvider(fail=lambda text, voice: ProviderError("no such voice") if voice == "agents-voice" else None)
    call = await voice_call(tts=tts)
    await call.ask()
    await call.answer_played()
    assert [spoken["voice"] for spoken in tts.calls] == ["agents-voice", "mock-voice"]
    assert call.told(AFTER) == ["I can help you with that."]
    assert [error["message"] for error in call.errors] == ["no such voice"]


async def test_a_synthesiser_that_fails_is_reported_and_told_as_cancelled(voice_call):
    call = await voice_call(tts=MockTTSProvider(fail=lambda text, voice: ProviderError("no quota")), voice_map={})
    await call.ask()
    await call.answer_played()
    assert [error["message"] for error in call.errors] == ["no quota"]
    assert [(event.reason, event.audio_position_ms) for event in call.told(CANCELLED)] == [("error", 0.0)]
    assert call.told(AFTER) == []


async def test_a_hook_changes_or_blocks_what_is_spoken_but_not_what_is_stored(call):
    answers = [HookResult.modify("Something else."), HookResult.block("no")]

    @call.kit.hook(HookTrigger.BEFORE_TTS)
    async def change(text, context):
        assert text == "I can help you with that."
        return answers.pop(0)

    await call.ask()
    await call.answer_played()
    await call.ask()
    await call.answer_played()
    assert [spoken["text"] for spoken in call.tts.calls] == ["Something else."]
    assert [text for who, text in await call.timeline() if who == "agent"] == ["I can help you with that."] * 2
    assert call.told(AFTER) == ["Something else."]


async def test_the_filter_has_the_last_word(voice_call):
    call = await voice_call(tts_filter=lambda text: text.replace("*", ""))
    await call.voice.say(call.session, "**Hello** there")
    assert call.tts.calls == [{"text": "Hello there", "voice": "mock-voice"}]


@pytest.mark.parametrize(
    "notice",
    [
        {"content": SystemContent(body="Handoff"), "event_type": EventType.SYSTEM},
        {"content": TextContent(body="internal"), "visibility": "internal"},
        {"content": TextContent(body="notice"), "event_type": EventType.SYSTEM},
        {"content": TextContent(body="typing"), "event_type": EventType.TYPING},
    ],
)
async def test_notices_are_not_spoken(call, notice):
    await call.kit.send_event("call-1", "agent", **notice)
    await call.answer_played()
    assert call.tts.calls == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TextContent(body=" Hello "), "Hello"),
        (AudioContent(url="https://example.org/a.ogg", transcript="Hello"), "Hello"),
        (AudioContent(url="https://example.org/a.ogg"), ""),
        (MediaContent(url="https://example.org/a.png", mime_type="image/png", caption="A chart"), "A chart"),
        (LocationContent(latitude=1, longitude=2), ""),
        (CompositeContent(parts=[TextContent(body="One"), LocationContent(latitude=1, longitude=2)]), "One"),
    ],
)
async def test_words_are_spoken_and_addresses_are_not(content, words):
    source = EventSource(channel_id="agent", channel_type=ChannelType.AI)
    event = RoomEvent(room_id="call-1", source=source, content=content)
    assert spoken_words(event) == words
    assert spoken_words(event.model_copy(update={"visibility": "internal"})) == ""


async def test_of_a_formatted_message_the_plain_words_are_spoken(call):
    content = RichContent(body="**Hello**", plain_text="Hello")
    await call.kit.send_event("call-1", "agent", content)
    await call.answer_played()
    assert [spoken["text"] for spoken in call.tts.calls] == ["Hello"]


async def test_the_room_is_not_held_while_an_answer_is_being_played(voice_call):
    call = await voice_call(tts=MockTTSProvider(ms_per_character=1000))
    await call.ask()
    assert call.voice.playback_state(call.session) is not None
    async with asyncio.timeout(0.001), call.kit.lock_manager.locked("call-1"):
        pass


async def test_a_synthesiser_that_does_not_stream_is_asked_sentence_by_sentence(voice_call):
    tts = MockTTSProvider(streaming=False)
    call = await voice_call(tts=tts)
    assert await call.voice.say(call.session, "I will help you. What is it that you want?")
    assert [spoken["text"] for spoken in tts.calls] == ["I will help you. ", "What is it that you want?"]


async def test_the_line_gets_its_own_rate(voice_call):
    from roomkit_sim.voice.backends.mock import MockVoiceBackend

    call = await voice_call(backend=MockVoiceBackend(transport_sample_rate=8000))
    await call.voice.say(call.session, "Hello there, how are you?")
    assert call.played_bytes() == 2 * 8 * call.tts.duration_ms("Hello there, how are you?")


async def test_a_stream_that_is_cut_in_the_middle_of_a_sample_is_put_together_again(voice_call):
    class Odd(MockTTSProvider):
        async def synthesize_stream(self, text, *, voice=None):
            async for chunk in super().synthesize_stream(text, voice=voice):
                yield type(chunk)(chunk.data[:101], chunk.sample_rate)
                yield type(chunk)(chunk.data[101:], chunk.sample_rate)

    call = await voice_call(tts=Odd())
    await call.voice.say(call.session, "Hello there")
    whole = (await call.tts.synthesize("Hello there")).data
    assert b"".join(pcm for _, pcm in call.backend.sent_audio) == whole
    assert all(len(pcm) % 2 == 0 for _, pcm in call.backend.sent_audio)


# Sessions


async def test_a_session_that_backend_and_application_have_made_ready_is_told_once_in_either_order(voice_call):
    call = await voice_call()
    binding = await call.kit.store.get_binding("call-1", "voice")
    ready_first = await call.backend.connect("call-1", "caller-2", "voice")
    call.voice.bind_session(ready_first, "call-1", binding)
    bound_first = VoiceSession(participant_id="caller-3")
    call.voice.bind_session(bound_first, "call-1", binding)
    await asyncio.sleep(0.01)
    started = [event.session.participant_id for event in call.told(HookTrigger.ON_SESSION_STARTED)]
    assert started == ["caller-1", "caller-2"]
    await call.backend.simulate_session_ready(bound_first)
    await call.backend.simulate_session_ready(bound_first)
    await asyncio.sleep(0.01)
    started = [event.session.participant_id for event in call.told(HookTrigger.ON_SESSION_STARTED)]
    assert started == ["caller-1", "caller-2", "caller-3"]
    assert call.voice.get_room_sessions("call-1") == [call.session, ready_first, bound_first]


async def test_a_backend_that_is_ready_while_it_takes_the_caller_does_not_begin_the_session_twice(voice_call):
    class ReadyAtOnce(MockVoiceBackend):
        async def accept(self, session, connection):
            await super().accept(session, connection)
            await self.simulate_session_ready(session)

    call = await voice_call(backend=ReadyAtOnce())
    await asyncio.sleep(0.01)
    assert [event.session for event in call.told(HookTrigger.ON_SESSION_STARTED)] == [call.session]


async def test_beginning_and_end_are_framework_events(voice_call):
    call = await voice_call()
    events = []
    call.kit.on("*")(lambda event: events.append((event.type, event.session_id, event.data)))
    await call.voice.end_session(call.session, reason="ended")
    await call.voice.end_session(call.session)
    data = {"session_id": call.session.id, "reason": "ended"}
    assert events == [("voice_session_ended", call.session.id, data), ("session_ended", call.session.id, data)]
    assert call.session.state is VoiceSessionState.ENDED
    assert len(call.backend.calls_of("disconnect")) == 1
    assert call.told(HookTrigger.ON_SESSION_ENDED) == [call.session]


async def test_a_hang_up_ends_the_session_cancels_speech_and_leaves_no_errors(voice_call):
    call = await voice_call(tts=MockTTSProvider(ms_per_character=1000))
    await call.ask()
    await call.speak(40)
    await call.backend.simulate_client_disconnected(call.session)
    assert call.voice.session_rooms == {}
    assert [event.reason for event in call.told(CANCELLED)] == ["disconnect"]
    await call.ask()
    assert (len(call.stt.calls), call.errors) == (1, [])


async def test_a_backend_that_cancels_its_own_reader_when_it_disconnects_does_not_cancel_the_end(call):
    async def disconnect(session):
        reader.cancel()
        await asyncio.sleep(0.01)

    call.backend.disconnect = disconnect
    reader = asyncio.create_task(call.backend.simulate_client_disconnected(call.session))
    await asyncio.sleep(0.1)
    assert reader.cancelled()
    assert call.told(HookTrigger.ON_SESSION_ENDED) == [call.session]
    assert call.voice.session_rooms == {}


async def test_closing_lets_an_end_that_has_begun_come_to_its_end(call):
    async def disconnect(session):
        await asyncio.sleep(0.1)

    call.backend.disconnect = disconnect
    hang_up = asyncio.create_task(call.backend.simulate_client_disconnected(call.session))
    await asyncio.sleep(0.01)
    await call.voice.close()
    await hang_up
    assert call.told(HookTrigger.ON_SESSION_ENDED) == [call.session]


async def test_closing_goes_on_after_a_part_that_fails(call):
    async def fail():
        raise OSError("device lost")

    call.backend.close = fail
    await call.voice.close()
    assert (call.stt.closed, call.tts.closed) == (True, True)
    assert [error["where"] for error in call.errors] == ["closing MockVoiceBackend"]


async def test_nobody_is_spoken_to_who_has_hung_up_while_the_hooks_were_asked(call):
    asked, go = asyncio.Event(), asyncio.Event()

    @call.kit.hook(HookTrigger.BEFORE_TTS)
    async def slow(event, context):
        asked.set()
        await go.wait()
        return HookResult.allow()

    second = await call.voice.start_session("call-1", "caller-2", None)
    sending = asyncio.create_task(call.kit.send_event("call-1", "agent", TextContent(body="Hello there")))
    await asked.wait()
    await call.voice.end_session(call.session)
    go.set()
    await sending
    await call.answer_played()
    assert {session_id for session_id, _ in call.backend.sent_audio} == {second.id}
    assert call.errors == []


async def test_a_backend_that_does_not_take_the_caller_leaves_nothing_behind(call):
    async def refuse(session, connection):
        raise ProviderError("busy")

    call.backend.accept = refuse
    with pytest.raises(ProviderError, match="busy"):
        await call.voice.start_session("call-1", "caller-2", None)
    assert list(call.voice.session_rooms) == [call.session.id]


async def test_what_needs_a_live_session_says_so(call):
    await call.voice.end_session(call.session)
    with pytest.raises(SessionNotFoundError, match="not live on this channel"):
        await call.voice.say(call.session, "Hello")
    with pytest.raises(SessionNotFoundError, match="not live on this channel"):
        await call.voice.flush_stt(call.session)
    assert not await call.voice.interrupt(call.session)


async def test_a_channel_without_lines_or_synthesiser_says_so(voice_call):
    silent = VoiceChannel("silent", backend=(await voice_call()).backend)
    session = await silent.start_session("anywhere", "caller", None)
    with pytest.raises(ConfigurationError, match="pass tts="):
        await silent.say(session, "Hello")
    with pytest.raises(ConfigurationError, match="pass backend="):
        await VoiceChannel("no-lines").start_session("anywhere", "caller", None)
    await silent.close()


async def test_two_callers_of_a_room_both_hear_the_answer(call):
    second = await call.voice.start_session("call-1", "caller-2", None)
    await call.ask()
    await call.answer_played()
    to = {session_id for session_id, _ in call.backend.sent_audio}
    assert to == {call.session.id, second.id}


async def test_closing_ends_all_and_closes_backend_and_providers(call):
    await call.kit.close()
    assert call.session.state is VoiceSessionState.ENDED
    assert (call.stt.closed, call.tts.closed, len(call.backend.calls_of("close"))) == (True, True, 1)


async def test_hundreds_of_sessions_leave_no_tasks_and_no_entries_behind(voice_call):
    call = await voice_call(stt=MockSTTProvider(["I want to invest."], streaming=True))
    await call.ask()
    await call.answer_played()
    tasks_before = len(asyncio.all_tasks())
    for number in range(300):
        session = await call.voice.start_session("call-1", f"caller-{number}", None)
        await call.speak(100, session=session)
        if number % 3 == 0:
            await call.voice.say(session, "Hello there, who are you?")
        await call.voice.end_session(session)
    await asyncio.sleep(1)
    assert len(asyncio.all_tasks()) == tasks_before
    assert len(call.voice._calls) == 1
    assert len(call.voice._tasks) == 3
    assert call.errors == []


async def test_a_channel_without_a_kit_can_speak(voice_call):
    backend = (await voice_call()).backend
    voice = VoiceChannel("alone", tts=MockTTSProvider(), backend=backend)
    session = await voice.start_session("nowhere", "caller", None)
    assert await voice.say(session, "Hello")
    await voice.close()


async def test_a_registered_channel_can_be_registered_with_the_same_kit_again(call):
    kit = RoomKit()
    voice = VoiceChannel("voice", backend=call.backend)
    kit.register_channel(voice)
    kit.register_channel(voice)
    assert len(kit.hook_engine.hooks_for("any", HookTrigger.ON_CHANNEL_MUTED)) == 1


async def test_a_cut_frame_of_a_line_with_two_channels_ends_nothing(call):
    for pcm in (LOUD_STEREO[:-3], b"\x01", b"", LOUD_STEREO):
        await call.backend.simulate_audio_received(call.session, AudioFrame(pcm, channels=2))
    for pcm in [LOUD_STEREO] * 20 + [bytes(len(LOUD_STEREO))] * 30:
        await call.backend.simulate_audio_received(call.session, AudioFrame(pcm, channels=2))
        await asyncio.sleep(0.02)
    await call.answer_played()
    assert await call.timeline() == [("voice", "I want to invest."), ("agent", "I can help you with that.")]
