"""What callers may hear and say follows the access of their channel, in the middle of a call too."""

from __future__ import annotations

import asyncio

import pytest

from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import SessionNotFoundError, StoreError
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import Access, HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.voice.base import VoiceSessionState
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider
from tests.channels.conftest import VoiceCall, settle

pytestmark = pytest.mark.sim

SPEECH = (HookTrigger.ON_SPEECH_START, HookTrigger.ON_SPEECH_END)
AFTER, CANCELLED = HookTrigger.AFTER_TTS, HookTrigger.ON_TTS_CANCELLED


def accesses(call: VoiceCall) -> list[dict[str, object]]:
    told: list[dict[str, object]] = []
    call.kit.on("voice_session_access")(lambda event: told.append(event.data))
    return told


async def write(call: VoiceCall, body: str) -> None:
    """Somebody else writes in the room."""
    if "desk" not in call.kit.channels:
        call.kit.register_channel(WebSocketChannel("desk"))
        await call.kit.attach_channel("call-1", "desk")
    message = InboundMessage(channel_id="desk", sender_id="clerk", content=TextContent(body=body))
    await call.kit.process_inbound(message, room_id="call-1")
    await settle()


@pytest.mark.parametrize("access", [Access.READ_ONLY, Access.NONE])
async def test_a_caller_whose_channel_may_not_write_is_not_heard_until_it_may(call, access):
    told = accesses(call)
    await call.speak(200)
    await call.kit.set_access("call-1", "voice", access)
    await call.ask()
    await call.answer_played()
    assert (await call.timeline(), call.stt.calls) == ([], [])
    assert call.moments(*SPEECH) == [*SPEECH]
    await call.kit.set_access("call-1", "voice", Access.READ_WRITE)
    await call.ask()
    await call.answer_played()
    assert [who for who, _ in await call.timeline()] == ["voice", "agent"]
    hears = access is Access.READ_ONLY
    assert told == [{"heard": False, "hears": hears}, {"heard": True, "hears": True}]


@pytest.mark.parametrize("access", [Access.WRITE_ONLY, Access.NONE])
async def test_a_caller_whose_channel_may_not_read_falls_out_of_the_sentence_and_hears_what_comes_later(call, access):
    await call.ask()
    await asyncio.sleep(0.3)
    assert call.voice.playback_state(call.session) is not None
    await call.kit.set_access("call-1", "voice", access)
    assert call.voice.playback_state(call.session) is None
    assert call.backend.calls[-1].method == "interrupt"
    await settle()
    assert [event.reason for event in call.told(CANCELLED)] == ["access"]
    sent = call.played_bytes()
    await write(call, "Nobody on the line hears this.")
    await call.answer_played()
    assert call.played_bytes() == sent
    await call.kit.set_access("call-1", "voice", Access.READ_WRITE)
    await write(call, "But this.")
    await call.answer_played()
    assert call.played_bytes() > sent
    assert call.session.state is VoiceSessionState.ACTIVE


async def test_a_caller_who_may_only_be_heard_is_answered_for_others_to_read(call):
    await call.kit.set_access("call-1", "voice", Access.WRITE_ONLY)
    await call.ask()
    await call.answer_played()
    assert [who for who, _ in await call.timeline()] == ["voice", "agent"]
    assert call.tts.calls == []


async def test_who_may_not_hear_any_more_while_the_hooks_are_asked_is_not_spoken_to(call):
    @call.kit.hook(HookTrigger.BEFORE_TTS)
    async def slow(event, context):
        await call.kit.set_access("call-1", "voice", Access.NONE)
        return HookResult.allow()

    await call.ask()
    await call.answer_played()
    assert (call.tts.calls, call.backend.sent_audio) == ([], [])


async def test_a_muted_caller_hears_the_answer_to_the_end(call):
    await call.ask()
    await asyncio.sleep(0.3)
    await call.kit.mute("call-1", "voice")
    await call.answer_played()
    assert (call.told(CANCELLED), len(call.told(AFTER))) == ([], 1)


async def test_what_is_being_recognised_when_the_caller_is_muted_does_not_enter_the_room(voice_call):
    class Slow(MockSTTProvider):
        async def transcribe(self, audio):
            await asyncio.sleep(2)
            return await super().transcribe(audio)

    call = await voice_call(stt=Slow(["I want to invest."]))
    await call.ask()
    await call.kit.mute("call-1", "voice")
    await asyncio.sleep(5)
    assert (await call.timeline(), call.errors) == ([], [])


async def test_a_caller_is_muted_though_the_room_is_busy(voice_call):
    class Slow(MockAIProvider):
        async def generate(self, context):
            await asyncio.sleep(60)
            return await super().generate(context)

    call = await voice_call(model=Slow(["Well."]))
    told = accesses(call)
    await call.ask()
    muting = asyncio.create_task(call.kit.mute("call-1", "voice"))
    quieting = asyncio.create_task(call.kit.set_access("call-1", "voice", Access.READ_WRITE))
    await settle()
    assert told == [{"heard": False, "hears": True}]
    await call.ask()
    assert (muting.done(), len(call.stt.calls)) == (False, 1)
    await asyncio.gather(muting, quieting)
    assert told == [{"heard": False, "hears": True}]
    assert (await call.kit.store.get_binding("call-1", "voice")).muted


async def test_a_change_that_cannot_be_stored_does_not_stay_in_force(call, monkeypatch):
    async def fail(binding):
        raise StoreError("disk full")

    monkeypatch.setattr(call.kit.store, "update_binding", fail)
    with pytest.raises(StoreError):
        await call.kit.mute("call-1", "voice")
    await call.ask()
    await call.answer_played()
    assert len(await call.timeline()) == 2


async def test_a_store_that_answers_late_does_not_undo_what_was_changed_since(call, monkeypatch):
    find, update = call.kit.store.get_binding, call.kit.store.update_binding
    late_s = [0.0]

    async def late(room_id, channel_id):
        found, wait_s = await find(room_id, channel_id), late_s.pop() if late_s else 0.0
        await asyncio.sleep(wait_s)
        return found

    async def slow_from_now_on(binding):
        await update(binding)
        late_s[:] = [5.0]
        monkeypatch.setattr(call.kit.store, "update_binding", update)

    monkeypatch.setattr(call.kit.store, "get_binding", late)
    monkeypatch.setattr(call.kit.store, "update_binding", slow_from_now_on)
    opening = asyncio.create_task(call.kit.set_access("call-1", "voice", Access.READ_WRITE))
    await settle()
    await call.kit.mute("call-1", "voice")
    await opening
    await call.ask()
    assert call.stt.calls == []


async def test_detaching_ends_the_calls_of_the_room_and_the_channel_can_be_attached_again(call):
    ended = []
    call.kit.on("session_ended")(lambda event: ended.append(event.data))
    await call.ask()
    await asyncio.sleep(0.3)
    sent = call.played_bytes()
    await call.speak(200)
    await call.kit.detach_channel("call-1", "voice")
    assert call.voice.playback_state(call.session) is None
    await call.ask()
    assert call.session.state is VoiceSessionState.ENDED
    assert ended == [{"session_id": call.session.id, "reason": "detached"}]
    assert call.told(HookTrigger.ON_SESSION_ENDED) == [call.session]
    assert (call.played_bytes(), len(call.stt.calls), call.errors) == (sent, 1, [])
    with pytest.raises(SessionNotFoundError):
        await call.voice.say(call.session, "Hello?")
    await call.kit.attach_channel("call-1", "voice")
    call.session = await call.voice.start_session("call-1", "caller-1", None)
    await call.ask()
    await call.answer_played()
    assert [who for who, _ in await call.timeline()] == ["voice", "agent", "voice", "agent"]


async def test_detaching_from_one_room_leaves_the_calls_of_others(call):
    await call.kit.create_room("call-2")
    await call.kit.attach_channel("call-2", "voice")
    await call.voice.start_session("call-2", "caller-2", None)
    await call.kit.detach_channel("call-2", "voice")
    await settle()
    assert call.voice.get_room_sessions("call-1") == [call.session]
    assert call.voice.get_room_sessions("call-2") == []


async def test_a_call_that_comes_in_while_the_channel_is_detached_does_not_come_about(call, monkeypatch):
    accept = call.backend.accept

    async def slow(session, connection):
        await asyncio.sleep(1)
        await accept(session, connection)

    monkeypatch.setattr(call.backend, "accept", slow)
    starting = asyncio.create_task(call.voice.start_session("call-1", "caller-2", None))
    await asyncio.sleep(0.5)
    await call.kit.detach_channel("call-1", "voice")
    with pytest.raises(SessionNotFoundError):
        await starting
    assert call.voice.session_rooms == {}


async def test_a_call_begins_with_the_access_that_its_channel_has(call):
    await call.kit.mute("call-1", "voice")
    call.session = await call.backend.connect("call-1", "caller-2", "voice")
    await call.voice.connect_session(call.session, "call-1")
    await call.ask()
    assert call.stt.calls == []


async def test_a_caller_is_greeted_though_the_store_takes_time_to_tell_the_access(call, monkeypatch):
    find = call.kit.store.get_binding

    async def slow(room_id, channel_id):
        await asyncio.sleep(0.1)
        return await find(room_id, channel_id)

    monkeypatch.setattr(call.kit.store, "get_binding", slow)
    await call.kit.detach_channel("call-1", "voice")
    await call.kit.attach_channel("call-1", "voice")

    @call.kit.hook(HookTrigger.ON_SESSION_STARTED, execution=HookExecution.ASYNC)
    async def greet(event, context):
        await call.voice.say_to_room("call-1", "Welcome.")

    session = await call.backend.connect("call-1", "caller-2", "voice")
    connecting = asyncio.create_task(call.voice.connect_session(session, "call-1"))
    await settle()
    await call.backend.simulate_session_ready(session)
    await connecting
    await call.answer_played()
    assert [said["text"] for said in call.tts.calls] == ["Welcome."]
    assert [event.session for event in call.told(HookTrigger.ON_SESSION_STARTED)][1:] == [session]


async def test_a_session_whose_access_cannot_be_read_is_not_bound(call, monkeypatch):
    async def fail(room_id, channel_id):
        raise StoreError("disk full")

    monkeypatch.setattr(call.kit.store, "get_binding", fail)
    session = await call.backend.connect("call-1", "caller-2", "voice")
    with pytest.raises(StoreError):
        await call.voice.connect_session(session, "call-1")
    await settle()
    assert call.voice.get_room_sessions("call-1") == [call.session]
    assert session not in [event.session for event in call.told(HookTrigger.ON_SESSION_STARTED)]


async def test_callers_on_hold_hear_what_the_application_says_to_them_and_not_what_the_room_says(voice_call):
    call = await voice_call(tts=MockTTSProvider(ms_per_character=10))
    await call.kit.set_access("call-1", "voice", Access.NONE)
    assert await call.voice.say(call.session, "Please hold.")
    assert await call.voice.say_to_room("call-1", "We have decided.") is False
    assert [said["text"] for said in call.tts.calls] == ["Please hold."]


async def test_a_channel_that_cannot_take_note_of_its_binding_is_reported_and_the_change_is_made():
    class Broken(WebSocketChannel):
        def binding_changed(self, room_id, binding):
            raise LookupError("no such room here")

    errors = []
    async with RoomKit() as kit:
        kit.on("error")(lambda event: errors.append((event.data["where"], event.data["message"])))
        kit.register_channel(Broken("desk"))
        await kit.create_room("r")
        await kit.attach_channel("r", "desk")
        assert errors == [("channel desk taking note of its binding", "no such room here")]
        assert (await kit.mute("r", "desk")).muted
