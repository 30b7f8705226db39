"""Barge-in, interruption, recordings, and how much of a text was played."""

from __future__ import annotations

import asyncio
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.channels.voice import TTSPlaybackState
from roomkit_sim.channels.voice_parts.playback import Playback
from roomkit_sim.errors import ConfigurationError, ProviderError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.voice.base import AudioChunk
from roomkit_sim.voice.interruption import InterruptionConfig, InterruptionStrategy
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider

AFTER, CANCELLED, BARGE_IN = HookTrigger.AFTER_TTS, HookTrigger.ON_TTS_CANCELLED, HookTrigger.ON_BARGE_IN
SENTENCE = "I can help you with that right away."
sim = pytest.mark.sim


@sim
async def test_a_caller_who_speaks_stops_the_agent_and_it_is_known_what_was_played(call):
    await call.ask()
    call.backend.calls.clear()
    # The answer has been playing since 900 ms after the caller began; 100 ms of silence were sent after that.
    await call.speak(400)
    assert call.voice.playback_state(call.session) is None
    assert len(call.backend.calls_of("interrupt")) == 1
    [barge_in], [cancelled] = call.told(BARGE_IN), call.told(CANCELLED)
    assert call.moments(BARGE_IN, CANCELLED) == [BARGE_IN, CANCELLED]
    assert (cancelled.reason, cancelled.text) == ("barge_in", "I can help you with that.")
    assert barge_in.interrupted_text == cancelled.text
    assert 200 <= barge_in.audio_position_ms == cancelled.audio_position_ms < 260
    assert barge_in.played_text == "I"
    assert call.told(AFTER) == []


@sim
async def test_the_next_answer_after_a_barge_in_is_heard(voice_call):
    call = await voice_call(stt=MockSTTProvider(["first", "second"]))
    await call.ask()
    await call.ask()
    await call.answer_played()
    assert [text for who, text in await call.timeline() if who == "voice"] == ["first", "second"]
    assert call.told(AFTER) == ["I can help you with that."]


@sim
async def test_speech_that_began_before_the_threshold_stops_the_agent_when_it_is_reached(voice_call):
    call = await voice_call(barge_in_threshold_ms=600)
    await call.ask()
    await call.speak(1000)
    assert [600 <= event.audio_position_ms < 640 for event in call.told(BARGE_IN)] == [True]


@sim
async def test_speech_that_ends_before_the_threshold_stops_nothing(voice_call):
    call = await voice_call(barge_in_threshold_ms=1500)
    await call.ask()
    await call.speak(100)
    await call.be_silent(3000)
    assert call.told(BARGE_IN) == []
    assert call.told(AFTER)[0] == "I can help you with that."


@sim
@pytest.mark.parametrize(
    "options",
    [
        {"enable_barge_in": False},
        {"interruption": InterruptionConfig(InterruptionStrategy.DISABLED)},
        {"interruption": InterruptionConfig(InterruptionStrategy.CONFIRMED, min_speech_ms=900)},
    ],
)
async def test_where_barge_in_is_off_or_not_confirmed_the_agent_goes_on(voice_call, options):
    call = await voice_call(tts=MockTTSProvider(ms_per_character=70), **options)
    await call.ask()
    await call.speak(200)
    await call.be_silent(200)
    assert call.told(BARGE_IN) == []
    assert call.voice.playback_state(call.session) is not None


@sim
async def test_a_backend_that_notices_a_barge_in_itself_stops_the_agent_at_once(call):
    await call.ask()
    await call.backend.simulate_barge_in(call.session)
    await asyncio.sleep(0.001)
    assert [event.audio_position_ms < 200 for event in call.told(BARGE_IN)] == [True]
    await call.backend.simulate_barge_in(call.session)
    await asyncio.sleep(0.001)
    assert len(call.told(BARGE_IN)) == 1


@sim
async def test_speech_while_nothing_is_said_is_no_barge_in(call):
    await call.ask()
    await call.answer_played()
    await call.ask()
    assert call.told(BARGE_IN) == []


@sim
async def test_what_is_said_next_takes_the_place_of_what_is_being_said(call):
    assert await call.voice.say(call.session, SENTENCE)
    await asyncio.sleep(1)
    assert await call.voice.say(call.session, "Or not.", voice="another")
    assert await call.voice.wait_playback_done("call-1")
    await asyncio.sleep(0.001)
    [cancelled] = call.told(CANCELLED)
    assert (cancelled.reason, cancelled.text) == ("new_tts", SENTENCE)
    assert cancelled.audio_position_ms == pytest.approx(1000)
    assert cancelled.played_text == "I can help you"
    assert call.told(AFTER) == ["Or not."]
    assert [spoken["voice"] for spoken in call.tts.calls] == ["mock-voice", "another"]


@sim
@pytest.mark.parametrize("broken", [("wait_played",), ("send_audio",), ("send_audio", "wait_played")])
async def test_a_speech_on_a_broken_line_is_over(call, monkeypatch, broken):
    async def fail(*_):
        raise ConnectionError("no line")

    for method in broken:
        monkeypatch.setattr(call.backend, method, fail)
    await call.kit.send_event("call-1", "agent", TextContent(body=SENTENCE))
    await call.answer_played()
    assert call.voice.playback_state(call.session) is None
    assert [event.reason for event in call.told(CANCELLED)] == ["error"]
    assert {error["exception"] for error in call.errors} == {"ConnectionError"}


@sim
async def test_a_line_that_cannot_be_interrupted_is_reported_and_keeps_neither_speech_nor_session(call, monkeypatch):
    def fail(session):
        raise ConnectionError("no line")

    monkeypatch.setattr(call.backend, "interrupt", fail)
    await call.kit.send_event("call-1", "agent", TextContent(body=SENTENCE))
    await call.voice.end_session(call.session)
    await asyncio.sleep(0)
    assert (call.voice.session_rooms, len(call.backend.calls_of("disconnect"))) == ({}, 1)
    assert [event.reason for event in call.told(CANCELLED)] == ["disconnect"]
    assert [error["where"] for error in call.errors] == ["interrupting the line"]


@sim
async def test_a_synthesiser_that_awaits_something_cancelled_has_failed(voice_call):
    class Cancelling(MockTTSProvider):
        async def synthesize_stream(self, text, *, voice=None):
            raise asyncio.CancelledError
            yield

    call = await voice_call(tts=Cancelling())
    await call.kit.send_event("call-1", "agent", TextContent(body=SENTENCE))
    assert await call.voice.wait_playback_done("call-1")
    assert [error["exception"] for error in call.errors] == ["WorkCancelledError"]


@sim
async def test_the_playback_state_tells_how_far_a_text_is(call):
    await call.voice.say(call.session, SENTENCE, voice="a-voice")
    await asyncio.sleep(1)
    state = call.voice.playback_state(call.session)
    assert isinstance(state, TTSPlaybackState)
    assert (state.session_id, state.text, state.voice) == (call.session.id, SENTENCE, "a-voice")
    assert (state.position_ms, state.total_duration_ms) == pytest.approx((1000, 70 * len(SENTENCE)))
    assert await call.voice.wait_playback_done("call-1")
    assert call.voice.playback_state(call.session) is None


@sim
async def test_waiting_for_playback_ends_when_it_is_played_or_time_is_up(call):
    loop = asyncio.get_running_loop()
    assert await call.voice.wait_playback_done("call-1")
    await call.voice.say(call.session, SENTENCE)
    before = loop.time()
    assert not await call.voice.wait_playback_done("call-1", timeout=1)
    assert await call.voice.wait_playback_done("call-1")
    assert loop.time() - before == pytest.approx(0.07 * len(SENTENCE))


@sim
async def test_an_application_stops_one_or_all(call):
    second = await call.voice.start_session("call-1", "caller-2", None)
    assert not await call.voice.interrupt(call.session)
    assert await call.voice.say_to_room("call-1", SENTENCE)
    assert await call.voice.interrupt(second, reason="supervisor")
    assert await call.voice.interrupt_all("call-1") == 1
    await asyncio.sleep(0.001)
    assert [(event.session, event.reason) for event in call.told(CANCELLED)] == [
        (second, "supervisor"),
        (call.session, "explicit"),
    ]


@sim
async def test_say_tells_whether_it_was_said(voice_call):
    call = await voice_call(
        tts=MockTTSProvider(fail=lambda text, voice: ProviderError("no") if "fail" in text else None)
    )

    @call.kit.hook(HookTrigger.BEFORE_TTS)
    async def censor(text, context):
        return HookResult.block("rude") if "rude" in text else HookResult.allow()

    assert await call.voice.say(call.session, "Hello")
    assert not await call.voice.say(call.session, "rude")
    assert not await call.voice.say(call.session, "   ")
    with pytest.raises(ProviderError, match="no"):
        await call.voice.say(call.session, "fail")
    assert call.errors == []


@sim
async def test_say_that_is_stopped_while_it_is_synthesised_was_not_said(voice_call):
    class Slow(MockTTSProvider):
        async def synthesize_stream(self, text, *, voice=None):
            async for chunk in super().synthesize_stream(text, voice=voice):
                await asyncio.sleep(1)
                yield chunk

    call = await voice_call(tts=Slow())
    saying = asyncio.create_task(call.voice.say(call.session, SENTENCE))
    await asyncio.sleep(0.5)
    await call.voice.interrupt(call.session)
    assert not await saying


@sim
async def test_a_text_that_is_being_written_is_spoken_sentence_by_sentence(call):
    event = (await call.kit.send_event("call-1", "agent", _text("the agent speaks"))).model_copy()
    binding = await call.kit.store.get_binding("call-1", "voice")
    await call.answer_played()
    call.tts.calls.clear()
    spoken_when: list[int] = []

    async def written():
        for piece in ["I will", " help you. ", "What is it", " that you want?"]:
            yield piece
            await asyncio.sleep(0.01)
            spoken_when.append(len(call.tts.calls))

    whole = await call.voice.deliver_stream(written(), event, binding, None)
    await call.answer_played()
    assert whole == "I will help you. What is it that you want?"
    assert call.tts.calls == [
        {"text": "I will help you. ", "voice": "agents-voice"},
        {"text": "What is it that you want?", "voice": "agents-voice"},
    ]
    assert spoken_when == [0, 0, 1, 1]
    assert call.told(AFTER)[-1] == whole


@sim
async def test_a_hook_blocks_a_sentence_of_a_text_that_is_being_written(voice_call):
    call = await voice_call(tts=MockTTSProvider(streaming_input=True))

    @call.kit.hook(HookTrigger.BEFORE_TTS)
    async def censor(text, context):
        return HookResult.block("secret") if "secret" in text else HookResult.allow()

    event = await call.kit.send_event("call-1", "agent", _text("secret"))
    binding = await call.kit.store.get_binding("call-1", "voice")

    async def written():
        yield "I will help you. The secret is out there. Goodbye to all."

    await call.voice.deliver_stream(written(), event, binding, None)
    await call.answer_played()
    assert "".join(str(spoken["text"]) for spoken in call.tts.calls) == "I will help you. Goodbye to all."
    assert call.told(AFTER) == ["I will help you. Goodbye to all."]


@sim
async def test_recordings_are_played_without_tts_hooks(call, tmp_path):
    path = tmp_path / "hold.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\x10\x00\x20\x00" * 800)
    assert await call.voice.play(call.session, path)
    assert call.backend.sent_audio[-1][1] == b"\x18\x00" * 800
    assert await call.voice.play(call.session, b"\x01\x00" * 240)
    assert await call.voice.play(call.session, AudioChunk(b"\x01\x00" * 80, 8000))
    assert await call.voice.wait_playback_done("call-1")
    await asyncio.sleep(0.001)
    assert call.told(AFTER, CANCELLED) == []


@sim
@pytest.mark.parametrize(("content", "message"), [(b"", "no WAV file"), (None, "8 bits a sample")])
async def test_a_recording_that_cannot_be_played_is_a_clear_error(call, tmp_path, content, message):
    path = tmp_path / "hold.wav"
    if content is None:
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 1, 8000, 0, "NONE", ""))
            file.writeframes(b"\x10" * 800)
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        await call.voice.play(call.session, path)


# How much was played


def _text(body):
    from roomkit_sim.models.event import TextContent

    return TextContent(body=body)


def test_nothing_is_played_before_anything_is_sent():
    assert (Playback().played_ns(0), Playback().played_text(0), Playback().duration_ms) == (0, "", None)


def test_a_line_that_ran_dry_plays_what_comes_when_it_comes():
    playback = Playback()
    playback.sent(100, now_ns=0)
    assert [playback.played_ns(at) for at in (0, 50, 100, 500)] == [0, 50, 100, 100]
    playback.sent(100, now_ns=500)
    assert [playback.played_ns(at) for at in (500, 550, 600, 900)] == [100, 150, 200, 200]


def test_the_words_played_are_those_of_the_complete_sentences_and_the_complete_words_of_the_next():
    playback = Playback()
    playback.begin("One two. ")
    playback.sent(1_000, 0)
    playback.begin("Three four five.")
    playback.sent(1_600, 0)
    playback.complete()
    assert [playback.played_text(at) for at in (0, 400, 1_000, 2_000, 2_600)] == [
        "",
        "One",
        "One two. ",
        "One two. Three four",
        "One two. Three four five.",
    ]


def test_the_words_of_a_sentence_that_is_still_being_synthesised_are_reckoned_from_the_pace_of_speech():
    playback = Playback()
    playback.begin("This is a long sentence that has only begun to be spoken.")
    playback.sent(1_000_000_000, 0)
    assert playback.played_text(1_000_000_000) == "This is a long"


@given(
    st.lists(st.tuples(st.text("ab ", max_size=20), st.integers(0, 10**9), st.integers(0, 10**9)), max_size=6),
    st.integers(0, 10**10),
)
def test_what_was_played_is_a_beginning_of_the_text_and_never_more_than_was_sent(parts, at):
    playback = Playback()
    now = sent = 0
    for text, duration, pause in parts:
        playback.begin(text)
        playback.sent(duration, now)
        sent += duration
        now += pause
    playback.complete()
    assert 0 <= playback.played_ns(now + at) <= sent
    assert playback.text.startswith(playback.played_text(now + at))
    assert playback.played_text(playback.until_ns + 1) == playback.text


@pytest.mark.sim
async def test_hooks_that_take_long_before_a_text_is_spoken_do_not_make_its_delivery_fail(call):
    for number in range(3):

        @call.kit.hook(HookTrigger.BEFORE_TTS, name=f"slow {number}")
        async def slow(event, context):
            await asyncio.sleep(20)
            return HookResult.allow()

    await call.ask()
    await asyncio.sleep(60)
    await call.answer_played()
    assert (call.errors, len(call.told(AFTER))) == ([], 1)
