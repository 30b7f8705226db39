"""What callers of a speech-to-speech model may hear and say follows the access of their channel, in mid-call too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from roomkit_sim import MockRealtimeProvider, MockRealtimeTransport, RealtimeVoiceChannel, RoomKit
from roomkit_sim.errors import SessionNotFoundError
from roomkit_sim.models.enums import Access
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from tests.channels.conftest import settle

pytestmark = pytest.mark.sim

ROOM = "call-1"
SPEECH = b"\x00\x10" * 320
NO_HEARING = [Access.WRITE_ONLY, Access.NONE]


@dataclass
class Call:
    kit: RoomKit
    voice: RealtimeVoiceChannel
    provider: MockRealtimeProvider
    transport: MockRealtimeTransport
    session: VoiceSession
    events: list[Any] = field(default_factory=list)

    async def say(self, pcm: bytes = SPEECH) -> None:
        await self.transport.simulate_client_audio(self.session, pcm)
        await settle()

    async def answer(self, pcm: bytes = SPEECH) -> None:
        await self.provider.simulate_audio(self.session, pcm)
        await settle()

    def heard_by_model(self) -> int:
        return len(self.provider.sent_audio)

    def heard_by_caller(self) -> list[bytes]:
        return [pcm for _, pcm in self.transport.sent_audio]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.type == kind]

    def shown(self) -> list[str]:
        """What the caller's client was shown of what the model says."""
        return [m["text"] for _, m in self.transport.sent_messages if m["type"] == "transcription"]


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    provider, transport = MockRealtimeProvider(), MockRealtimeTransport()
    voice = RealtimeVoiceChannel("voice", provider=provider, transport=transport, output_sample_rate=16000)
    async with RoomKit() as kit:
        kit.register_channel(voice)
        await kit.create_room(ROOM)
        await kit.attach_channel(ROOM, "voice")
        made = Call(kit, voice, provider, transport, await voice.start_session(ROOM, "caller", None))
        kit.on("*")(made.events.append)
        yield made


@pytest.mark.parametrize("change", ["mute", Access.READ_ONLY, Access.NONE])
async def test_a_caller_whose_channel_may_not_write_is_not_heard_until_it_may(call: Call, change: str) -> None:
    await call.say()
    if change == "mute":
        await call.kit.mute(ROOM, "voice")
    else:
        await call.kit.set_access(ROOM, "voice", Access(change))
    await call.say()
    assert call.heard_by_model() == 1
    await call.kit.set_access(ROOM, "voice", Access.READ_WRITE)
    await call.kit.unmute(ROOM, "voice")
    await call.say()
    assert call.heard_by_model() == 2
    hears = change != Access.NONE
    assert call.of("voice_session_access") == [{"heard": False, "hears": hears}, {"heard": True, "hears": True}]


async def test_what_waits_to_be_sent_to_the_model_when_the_caller_is_muted_is_not_sent(call: Call) -> None:
    await call.transport.simulate_client_audio(call.session, SPEECH)
    await call.transport.simulate_client_audio(call.session, SPEECH)
    call.voice.binding_changed(
        ROOM, (await call.kit.store.get_binding(ROOM, "voice")).model_copy(update={"muted": True})
    )
    await settle()
    assert call.heard_by_model() == 0


@pytest.mark.parametrize("access", NO_HEARING)
async def test_a_caller_whose_channel_may_not_read_falls_out_of_the_answer_at_once(call: Call, access: Access) -> None:
    await call.provider.simulate_response_start(call.session)
    await call.answer(SPEECH)
    await call.provider.simulate_audio(call.session, SPEECH * 2)
    await call.kit.set_access(ROOM, "voice", access)
    assert [c.method for c in call.transport.calls][-1] == "interrupt"
    await call.answer(SPEECH * 3)
    await call.provider.simulate_transcription(call.session, "Your balance is", "assistant", False)
    await call.provider.simulate_transcription(call.session, "Your balance is 7.", "assistant", True)
    await settle()
    assert call.heard_by_caller() == [SPEECH]
    assert call.shown() == []
    assert call.session.state is VoiceSessionState.ACTIVE


@pytest.mark.parametrize("begun", ["before", "meanwhile"])
async def test_a_caller_who_may_hear_again_hears_the_next_answer_from_its_beginning(call: Call, begun: str) -> None:
    if begun == "before":
        await call.provider.simulate_response_start(call.session)
    await call.kit.set_access(ROOM, "voice", Access.NONE)
    if begun == "meanwhile":
        await call.provider.simulate_response_start(call.session)
    await call.answer()
    await call.kit.set_access(ROOM, "voice", Access.READ_WRITE)
    await call.answer()
    assert call.heard_by_caller() == []
    await call.provider.simulate_response_end(call.session)
    await call.provider.simulate_response_start(call.session)
    await call.answer(SPEECH * 2)
    assert call.heard_by_caller() == [SPEECH * 2]


async def test_a_line_that_cannot_be_interrupted_is_reported_and_silent_all_the_same(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(session: VoiceSession) -> None:
        raise OSError("line is down")

    monkeypatch.setattr(call.transport, "interrupt", fail)
    await call.kit.set_access(ROOM, "voice", Access.NONE)
    await call.answer()
    assert call.heard_by_caller() == []
    assert [error["where"] for error in call.of("error")] == ["interrupting the line"]


async def test_detaching_ends_the_calls_of_the_room_and_the_channel_can_be_attached_again(call: Call) -> None:
    await call.provider.simulate_response_start(call.session)
    await call.provider.simulate_audio(call.session, SPEECH)
    await call.transport.simulate_client_audio(call.session, SPEECH)
    await call.kit.detach_channel(ROOM, "voice")
    await call.answer()
    await call.say()
    assert (call.heard_by_caller(), call.heard_by_model()) == ([], 0)
    assert call.of("session_ended") == [{"session_id": call.session.id, "reason": "detached"}]
    assert (call.session.state, call.of("error")) == (VoiceSessionState.ENDED, [])
    assert [c.method for c in call.provider.calls][-1] == "disconnect"
    await call.kit.attach_channel(ROOM, "voice")
    call.session = await call.voice.start_session(ROOM, "caller", None)
    await call.say()
    await call.answer()
    assert (len(call.heard_by_caller()), call.heard_by_model()) == (1, 1)


async def test_a_tool_that_detaches_its_own_call_ends_it(call: Call) -> None:
    async def handler(name: str, arguments: dict[str, Any]) -> str:
        await call.kit.detach_channel(ROOM, "voice")
        return "done"

    call.voice.tool_handler = handler
    await call.provider.simulate_tool_call(call.session, "c1", "leave")
    await settle()
    assert call.session.state is VoiceSessionState.ENDED
    assert (call.provider.tool_results, call.of("error")) == ([], [])


async def test_a_call_that_comes_in_while_the_channel_is_detached_does_not_come_about(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = call.provider.connect

    async def detached_meanwhile(session: VoiceSession, **settings: Any) -> None:
        await connect(session, **settings)
        await call.kit.detach_channel(ROOM, "voice")
        await settle()

    monkeypatch.setattr(call.provider, "connect", detached_meanwhile)
    with pytest.raises(SessionNotFoundError):
        await call.voice.start_session(ROOM, "late", None)
    await settle()
    assert call.voice.session_rooms == {}


async def test_a_call_in_a_room_that_the_channel_never_was_attached_to_hears_and_is_heard(call: Call) -> None:
    call.session = await call.voice.start_session("elsewhere", "caller", None)
    await call.say()
    await call.answer()
    assert (len(call.heard_by_caller()), call.heard_by_model()) == (1, 1)


async def test_access_that_a_channel_is_attached_with_is_in_force_in_the_calls_that_are_going_on(call: Call) -> None:
    await call.kit.create_room("elsewhere")
    call.session = await call.voice.start_session("elsewhere", "caller", None)
    await call.kit.attach_channel("elsewhere", "voice", access=Access.NONE)
    await call.say()
    await call.answer()
    assert (call.heard_by_caller(), call.heard_by_model()) == ([], 0)
