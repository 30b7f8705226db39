"""A synthesiser that gives no audio any more: it is waited for so long and no longer, and the call goes on."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.errors import ProviderError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.voice.tts.mock import MockTTSProvider
from tests.channels.conftest import settle
from tests.channels.streamed_replies import FIRST, LOOK_UP, SECOND, replies, said

pytestmark = pytest.mark.sim

CANCELLED, ERROR = HookTrigger.ON_TTS_CANCELLED, HookTrigger.ON_ERROR
NO_AUDIO = "the synthesiser mock has given no audio for 10 s"


class Hanging(MockTTSProvider):
    """Hangs in texts that are to be spoken in some voices, after so many chunks."""

    def __init__(self, *voices: str, after: int = 0, **settings) -> None:
        super().__init__(**{"ms_per_character": 70, **settings})
        self.hangs_in, self.after, self.released = voices, after, 0

    async def synthesize(self, text, *, voice=None):
        if not self.after and (voice or self.default_voice) in self.hangs_in:
            self._record(text, voice)
            await self.hang()
        return await super().synthesize(text, voice=voice)

    async def synthesize_stream(self, text, *, voice=None):
        given = 0
        async for chunk in super().synthesize_stream(text, voice=voice):
            if given == self.after and (voice or self.default_voice) in self.hangs_in:
                await self.hang()
            given += 1
            yield chunk

    async def hang(self):
        try:
            await asyncio.Event().wait()
        finally:
            self.released += 1


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_voice_that_gives_no_audio_is_replaced_by_the_default_one_and_reported(voice_call, streaming):
    call = await voice_call(tts=Hanging("agents-voice"), streaming=streaming)
    await call.ask()
    await asyncio.sleep(10)
    await call.answer_played()
    assert [spoken["voice"] for spoken in call.tts.calls] == ["agents-voice", "mock-voice"]
    assert call.played_bytes() == len(call.tts._hum(FIRST))
    [error] = call.errors
    assert (error["where"], error["exception"]) == ("voice 'agents-voice' of mock", "ProviderError")
    assert NO_AUDIO in error["message"]
    assert "tts_timeout_seconds" in error["message"]
    assert (call.told(CANCELLED), call.tts.released) == ([], 1)


async def test_a_synthesiser_that_gives_no_audio_in_any_voice_is_reported_and_the_next_turn_is_spoken(voice_call):
    tts = Hanging("agents-voice", "mock-voice")
    call = await voice_call(tts=tts)
    await call.ask()
    await asyncio.sleep(25)
    await settle()
    assert call.voice.playback_state(call.session) is None
    assert [error["where"] for error in call.errors] == ["voice 'agents-voice' of mock", "speech"]
    assert len(call.told(ERROR)) == 2
    assert [event.reason for event in call.told(CANCELLED)] == ["error"]
    tts.hangs_in = ()
    await call.ask()
    await call.answer_played()
    assert call.played_bytes() == len(tts._hum(FIRST))


async def test_a_stream_that_stops_in_the_middle_is_reported_and_what_was_sent_is_played(voice_call):
    call = await voice_call(tts=Hanging("agents-voice", after=3))
    await call.ask()
    await asyncio.sleep(9)
    assert call.errors == []
    await asyncio.sleep(2)
    await settle()
    assert [error["where"] for error in call.errors] == ["speech"]
    assert call.played_bytes() == 3 * 4800
    [cancelled] = call.told(CANCELLED)
    assert (cancelled.reason, round(cancelled.audio_position_ms)) == ("error", 300)


async def test_who_says_something_is_told_that_the_synthesiser_hangs(voice_call):
    call = await voice_call(tts=Hanging("mock-voice"), tts_timeout_seconds=2.5)
    with pytest.raises(ProviderError, match=r"no audio for 2\.5 s") as failed:
        await call.voice.say(call.session, "Please hold.")
    assert (failed.value.retryable, failed.value.provider) == (True, "mock")
    assert call.errors == []


async def test_a_synthesiser_may_be_waited_for_without_end(voice_call):
    call = await voice_call(tts=Hanging("mock-voice"), tts_timeout_seconds=None)
    saying = asyncio.create_task(call.voice.say(call.session, "Please hold."))
    await asyncio.sleep(3600)
    assert (saying.done(), call.errors) == (False, [])
    await call.voice.interrupt(call.session)
    assert await saying is False


async def test_an_audio_that_is_played_for_long_is_no_synthesiser_that_hangs(voice_call):
    call = await voice_call(tts=MockTTSProvider(ms_per_character=3000))
    await call.ask()
    await asyncio.sleep(100)
    await settle()
    assert call.errors == []
    assert call.played_bytes() == len(call.tts._hum(FIRST))


@pytest.mark.parametrize("as_one", [True, False])
async def test_an_author_who_takes_long_between_sentences_does_not_make_the_synthesiser_fail(spoken_call, as_one):
    async def look_up(name, arguments):
        await asyncio.sleep(60)
        return "bonds"

    tts = MockTTSProvider(ms_per_character=70, streaming_input=as_one)
    call = await spoken_call([FIRST, LOOK_UP], [SECOND], tool_handler=look_up, tts=tts)
    await call.ask()
    await asyncio.sleep(65)
    await call.answer_played()
    assert (said(call), call.errors) == ([FIRST, SECOND], [])


async def test_a_synthesiser_that_takes_a_written_text_and_gives_no_audio_is_tried_in_the_default_voice(spoken_call):
    tts = Hanging("agents-voice", streaming_input=True)
    call = await spoken_call([f"{FIRST} ", 3.0, SECOND], tts=tts)
    await call.ask()
    await asyncio.sleep(20)
    await call.answer_played()
    assert [spoken["voice"] for spoken in tts.calls] == ["agents-voice", "mock-voice", "mock-voice"]
    assert [error["where"] for error in call.errors] == ["voice 'agents-voice' of mock"]
    assert [len(reply.content.body) for reply in await replies(call)] == [len(FIRST) + 1 + len(SECOND)]


async def test_a_synthesiser_that_hangs_over_a_written_text_does_not_hold_the_room(spoken_call):
    call = await spoken_call([f"{FIRST} ", SECOND], tts=Hanging("agents-voice", "mock-voice", streaming_input=True))
    await call.ask()
    await asyncio.sleep(25)
    await settle()
    assert [error["where"] for error in call.errors] == ["voice 'agents-voice' of mock", "speech"]
    assert call.voice.playback_state(call.session) is None
    assert len(await replies(call)) == 1
    await call.ask()
    await settle()
    assert len(call.model.calls) == 2
