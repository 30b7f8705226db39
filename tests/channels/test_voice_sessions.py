"""The voice channel's sessions: how they begin, end and fail."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.errors import ConfigurationError, ProviderError, SessionNotFoundError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.models.event import (
    TextContent,
)
from roomkit_sim.models.hook import HookResult
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider

pytestmark = pytest.mark.sim

LOUD_STEREO = b"\x00\x20\x00\x20\x00\xe0\x00\xe0" * 160
START, END = HookTrigger.ON_SPEECH_START, HookTrigger.ON_SPEECH_END
PARTIAL, FINAL = HookTrigger.ON_PARTIAL_TRANSCRIPTION, HookTrigger.ON_TRANSCRIPTION
AFTER, CANCELLED, BARGE_IN = HookTrigger.AFTER_TTS, HookTrigger.ON_TTS_CANCELLED, HookTrigger.ON_BARGE_IN


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
    call.kit.register_channel(call.voice)
    await call.ask()
    await call.answer_played()
    assert len(await call.timeline()) == 2


async def test_a_cut_frame_of_a_line_with_two_channels_ends_nothing(call):
    for pcm in (LOUD_STEREO[:-3], b"\x01", b"", LOUD_STEREO):
        await call.backend.simulate_audio_received(call.session, AudioFrame(pcm, channels=2))
    for pcm in [LOUD_STEREO] * 20 + [bytes(len(LOUD_STEREO))] * 30:
        await call.backend.simulate_audio_received(call.session, AudioFrame(pcm, channels=2))
        await asyncio.sleep(0.02)
    await call.answer_played()
    assert await call.timeline() == [("voice", "I want to invest."), ("agent", "I can help you with that.")]
