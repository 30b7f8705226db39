"""The voice channel, from the room to the caller: what is spoken, in which voice."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.channels.voice_parts.words import spoken_words
from roomkit_sim.errors import ProviderError
from roomkit_sim.models.enums import ChannelType, EventType, HookTrigger
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
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.tts.mock import MockTTSProvider

pytestmark = pytest.mark.sim

LOUD_STEREO = b"\x00\x20\x00\x20\x00\xe0\x00\xe0" * 160
START, END = HookTrigger.ON_SPEECH_START, HookTrigger.ON_SPEECH_END
PARTIAL, FINAL = HookTrigger.ON_PARTIAL_TRANSCRIPTION, HookTrigger.ON_TRANSCRIPTION
AFTER, CANCELLED, BARGE_IN = HookTrigger.AFTER_TTS, HookTrigger.ON_TTS_CANCELLED, HookTrigger.ON_BARGE_IN


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
