"""Failures that realtime users met in what is written down, in interruptions, and in the life of sessions."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from types import FrameType
from typing import Any

import pytest

from roomkit_sim import Agent, RoomKit
from roomkit_sim.channels.realtime.ordered_worker import OrderedWorker
from roomkit_sim.channels.realtime.session import LiveVoiceSession
from roomkit_sim.channels.voice import VoiceChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.clock import use_clock
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.providers.ai.mock import MockAIProvider
from roomkit_sim.voice.audio_frame import AudioFrame
from roomkit_sim.voice.backends.mock import MockVoiceBackend
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.mock import MockRealtimeProvider, MockRealtimeTransport
from roomkit_sim.voice.resampler import StreamResampler
from roomkit_sim.voice.stt.mock import MockSTTProvider
from roomkit_sim.voice.tts.mock import MockTTSProvider
from tests.failures.live_service import Connection, ScriptedService, live_provider
from tests.failures.realtime_line import ROOM, TO_ADVISOR, Line, LoopClock, a_while, line

pytestmark = pytest.mark.sim
SECOND_OF_SPEECH = b"\x00\x20" * 24_000


def observed(made: Line, *triggers: HookTrigger) -> list[HookTrigger]:
    """The moments that hooks were told of, in order."""
    told: list[HookTrigger] = []
    for trigger in triggers:

        def record(trigger: HookTrigger = trigger) -> None:
            async def hook(event: Any, context: Any) -> None:
                told.append(trigger)

            made.kit.hook(trigger, execution=HookExecution.ASYNC)(hook)

        record()
    return told


async def test_59_finished_utterance_does_not_come_back_to_life() -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        heard: list[tuple[str, bool]] = []

        @made.kit.hook(HookTrigger.ON_PARTIAL_TRANSCRIPTION, execution=HookExecution.ASYNC)
        async def slow(event: Any, context: Any) -> None:
            await a_while(0.5)
            heard.append((event.text, event.is_final))

        @made.kit.hook(HookTrigger.ON_TRANSCRIPTION)
        async def final(event: Any, context: Any) -> HookResult:
            heard.append((event.text, event.is_final))
            return HookResult.allow()

        session = await made.call()
        await provider.simulate_transcription(session, "I want", "user", False)
        await provider.simulate_transcription(session, "I want bonds.", "user", True)
        await a_while(2)
        shown = [(message["text"], message["is_final"]) for message in made.client_messages("transcription")]
        assert shown == [("I want", False), ("I want bonds.", True)]
        assert heard[0] == ("I want", False)
        assert await made.timeline() == ["user: I want bonds."]


async def test_60_timeline_has_the_callers_words_before_the_handoff_and_the_answer(world: Any) -> None:
    service = ScriptedService()

    async def then(connection: Connection) -> None:
        if len(service.connections) == 1:
            await connection.content(inputTranscription={"text": "I want "})
            await a_while()
            await connection.content(inputTranscription={"text": "some advice."})
            await connection.call("c1", "handoff_conversation", TO_ADVISOR)
        else:
            await connection.content(outputTranscription={"text": "I am the advisor."})
            await connection.content(turnComplete=True)

    service.then = then
    async with service.serving(world), line(live_provider()) as made:
        await made.call()
        await a_while(10)
        notice = "notice: [Handoff: triage -> advisor] advice"
        assert await made.timeline() == ["user: I want some advice.", notice, "assistant: I am the advisor."]
        events = await made.kit.store.list_events(ROOM)
        [words] = [event for event in events if event.metadata.get("role") == "user"]
        began_at = datetime.fromisoformat(words.metadata["speech_started_at"])
        assert (words.created_at - began_at).total_seconds() == pytest.approx(1.0)


@pytest.mark.parametrize("left_by", ["detach", "close"])
async def test_61_last_words_after_the_room_was_left_are_no_error(left_by: str) -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        session = await made.call()
        await (made.kit.detach_channel(ROOM, "voice") if left_by == "detach" else made.kit.close_room(ROOM))
        await provider.simulate_transcription(session, "Goodbye", "user", True)
        await made.voice.end_session(session)
        await provider.simulate_transcription(session, "Goodbye.", "user", True)
        await a_while()
        assert made.errors == []
        assert await made.timeline() == []


async def speak(provider: MockRealtimeProvider, session: VoiceSession, pcm: bytes = SECOND_OF_SPEECH) -> None:
    await provider.simulate_response_start(session)
    await provider.simulate_audio(session, pcm)


async def test_62_barge_in_can_be_observed_in_speech_to_speech() -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        unplayed: list[float] = []

        @made.kit.hook(HookTrigger.ON_BARGE_IN, execution=HookExecution.ASYNC)
        async def barge_in(event: Any, context: Any) -> None:
            unplayed.append(event.unplayed_ms)

        session = await made.call()
        await speak(provider, session)
        await a_while(0.25)
        await provider.simulate_speech_start(session)
        await a_while()
        assert unplayed == [pytest.approx(750)]


async def test_63_answer_after_a_barge_in_is_heard_and_the_rest_of_the_old_one_is_not() -> None:
    provider = MockRealtimeProvider()
    transport = MockRealtimeTransport(transport_sample_rate=24_000)
    async with line(provider, transport=transport) as made:
        session = await made.call()
        await speak(provider, session, b"\x01\x00" * 480)
        await provider.simulate_audio(session, b"\x02\x00" * 480)
        await provider.simulate_speech_start(session)
        await provider.simulate_audio(session, b"\x03\x00" * 480)
        await provider.simulate_response_end(session)
        await speak(provider, session, b"\x04\x00" * 480)
        await provider.simulate_response_end(session)
        await a_while()
        assert [pcm[:1] for _, pcm in transport.sent_audio] == [b"\x04"]


async def test_64_noise_that_becomes_no_words_does_not_make_the_next_turn_a_barge_in() -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        told = observed(made, HookTrigger.ON_BARGE_IN, HookTrigger.ON_SPEECH_START)
        session = await made.call()
        await speak(provider, session)
        await a_while(0.1)
        await provider.simulate_speech_start(session)
        await provider.simulate_speech_end(session)
        await provider.simulate_response_end(session)
        await a_while(5)
        await provider.simulate_speech_start(session)
        await provider.simulate_speech_end(session)
        await provider.simulate_transcription(session, "An ordinary turn.", "user", True)
        await a_while()
        assert told == [HookTrigger.ON_BARGE_IN, HookTrigger.ON_SPEECH_START, HookTrigger.ON_SPEECH_START]
        assert await made.timeline() == ["user: An ordinary turn."]


class Echoing(MockVoiceBackend):
    """A loudspeaker beside a microphone."""

    async def send_audio(self, session: VoiceSession, audio: bytes) -> None:
        await super().send_audio(session, audio)
        # By then it has been played, as far as the channel reckons.
        await a_while(0.3)
        await self.simulate_audio_received(session, AudioFrame(audio))

    async def hear_silence(self, session: VoiceSession) -> None:
        for _ in range(50):
            await self.simulate_audio_received(session, AudioFrame(b"\x00\x00" * 320))
            await a_while(0.02)


@pytest.mark.xfail(strict=True, reason="there is no echo canceller: lines and providers must bring their own")
async def test_65_echo_of_the_agent_interrupts_it_once_at_most() -> None:
    kit = RoomKit()
    backend = Echoing()
    tts = MockTTSProvider(ms_per_character=70)
    voice = VoiceChannel("voice", stt=MockSTTProvider(["an echo"]), tts=tts, backend=backend)
    agent = Agent("agent", provider=MockAIProvider(["This is a long answer that one hears."]))
    interrupted: list[Any] = []
    for channel in (voice, agent):
        kit.register_channel(channel)
    kit.hook(HookTrigger.ON_BARGE_IN, execution=HookExecution.ASYNC)(lambda event, context: note(interrupted, event))
    await kit.create_room(ROOM)
    for name in ("voice", "agent"):
        await kit.attach_channel(ROOM, name)
    with use_clock(LoopClock()):
        session = await voice.start_session(ROOM, "caller", None)
        await voice.say(session, "This is a long welcome that one hears very well in the room.")
        for _ in range(20):
            await backend.hear_silence(session)
        await a_while(60)
    await kit.close()
    assert len(interrupted) <= 1


async def note(noted: list[Any], event: Any) -> None:
    noted.append(event)


async def test_67_frame_of_one_caller_reaches_the_model_once_however_many_calls_there_are() -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        sessions = [await made.call() for _ in range(3)]
        await made.voice.end_session(sessions[0])
        await made.transport.simulate_client_audio(sessions[1], b"\x01\x00" * 320)
        await a_while()
        assert provider.sent_audio == [(sessions[1].id, b"\x01\x00" * 320)]


async def test_68_clean_close_by_the_provider_ends_the_call_and_is_reported(world: Any) -> None:
    service = ScriptedService()

    async def then(connection: Connection) -> None:
        await a_while()
        await connection.socket.close(1000, "done")

    service.then = then
    async with service.serving(world), line(live_provider()) as made:
        session = await made.call()
        await a_while(5)
        assert session.state is VoiceSessionState.ENDED
        assert made.voice.session_rooms == {}
        assert [call.method for call in made.transport.calls] == ["accept", "disconnect"]
        assert [data["reason"] for data in made.of("session_ended")] == ["provider_closed"]
        assert any("closed the connection with code 1000" in error for error in made.errors)
        assert service.dials == 1


async def test_69_client_learns_when_the_session_starts_and_ends() -> None:
    async with line() as made:
        session = await made.call()
        await made.voice.end_session(session)
        assert made.client_messages("session_started") == [{"type": "session_started", "session_id": session.id}]
        ended = {"type": "session_ended", "session_id": session.id, "reason": "ended"}
        assert made.client_messages("session_ended") == [ended]


async def test_70_audio_from_a_thread_reaches_the_model_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        session = await made.call()
        used_by: list[int] = []
        put = OrderedWorker.put

        def put_and_note(self: Any, item: Any) -> None:
            used_by.append(threading.get_ident())
            put(self, item)

        monkeypatch.setattr(OrderedWorker, "put", put_and_note)
        frame = AudioFrame(b"\x01\x00" * 320)
        [hear] = made.transport._audio_callbacks
        thread = threading.Thread(target=lambda: [hear(session, frame) for _ in range(3)])
        thread.start()
        thread.join()
        await a_while()
        assert len(provider.sent_audio) == 3
        assert set(used_by) == {threading.get_ident()}


def python_steps(work: Callable[[], object]) -> int:
    """How many lines of Python a piece of work takes; the time that it takes is not a matter for a test."""
    steps = 0

    def count(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    previous = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(previous)
    return steps


async def test_71_resampling_a_burst_takes_no_more_steps_of_python_than_resampling_a_frame() -> None:
    def resample(milliseconds: int) -> int:
        resampler = StreamResampler(24_000, 8_000)
        resampler.feed(b"\x00\x01" * 480)
        return python_steps(lambda: resampler.feed(b"\x00\x01" * (24 * milliseconds)))

    assert resample(200) < resample(20) + 10
    transport = MockRealtimeTransport(transport_sample_rate=8_000)
    provider = MockRealtimeProvider()
    async with line(provider, transport=transport) as made:
        await speak(provider, await made.call(), SECOND_OF_SPEECH)
        await a_while()
        sent = sum(len(pcm) for _, pcm in transport.sent_audio)
        assert sent == pytest.approx(16_000, abs=100)


async def test_72_message_for_a_muted_call_reaches_its_model() -> None:
    provider = MockRealtimeProvider()
    async with line(provider) as made:
        chat = WebSocketChannel("chat")
        made.kit.register_channel(chat)
        await made.kit.attach_channel(ROOM, "chat")
        await made.call()
        await made.kit.mute(ROOM, "voice")
        message = InboundMessage(channel_id="chat", sender_id="desk", content=TextContent(body="The doctor is late."))
        await made.kit.process_inbound(message, room_id=ROOM)
        await a_while()
        assert [text for _, text, _ in provider.injected_texts] == ["The doctor is late."]


@pytest.mark.parametrize("where", ["hook", "tool", "transport", "provider"])
async def test_73_exception_in_the_background_is_reported(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*args: Any, **settings: Any) -> None:
        raise RuntimeError("nobody looks")

    provider = MockRealtimeProvider()
    async with line(provider, channel={"tool_handler": fails}) as made:
        session = await made.call()
        match where:
            case "hook":
                made.kit.hook(HookTrigger.ON_SPEECH_START, execution=HookExecution.ASYNC)(fails)
            case "transport":
                monkeypatch.setattr(made.transport, "send_audio", fails)
            case "provider":
                monkeypatch.setattr(provider, "send_audio", fails)
        await provider.simulate_speech_start(session)
        await provider.simulate_tool_call(session, "c1", "anything" if where == "tool" else "handoff_conversation")
        await speak(provider, session)
        await made.transport.simulate_client_audio(session, b"\x00\x00" * 320)
        await a_while()
        assert [error for error in made.errors if "nobody looks" in error] != []
        assert session.state is VoiceSessionState.ACTIVE


async def test_74_nothing_of_a_session_is_kept_after_its_end() -> None:
    def kept() -> int:
        gc.collect()
        return sum(isinstance(thing, LiveVoiceSession | OrderedWorker) for thing in gc.get_objects())

    provider = MockRealtimeProvider()
    async with line(provider) as made:
        before, tasks = kept(), len(asyncio.all_tasks())
        for number in range(30):
            session = await made.call()
            await provider.simulate_tool_call(session, f"c{number}", "handoff_conversation", TO_ADVISOR)
            await provider.simulate_transcription(session, "Hello.", "user", True)
            await a_while(0.1)
            await made.voice.end_session(session)
        await a_while()
        assert kept() == before
        assert len(asyncio.all_tasks()) == tasks
        assert (made.voice.session_rooms, len(made.voice._endings)) == ({}, 0)
