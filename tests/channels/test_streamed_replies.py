"""Replies that are spoken while the model is still writing them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google import genai  # noqa: F401 - loaded before time is simulated
from pydantic import SecretStr

from roomkit_sim.errors import ProviderError
from roomkit_sim.memory.mock import MockMemoryProvider
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import EventStatus, EventType, HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent, TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.providers.gemini.ai import GeminiAIProvider
from roomkit_sim.providers.gemini.ai_config import GeminiConfig
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer
from roomkit_sim.voice.tts.mock import MockTTSProvider
from tests.channels.streamed_replies import (
    FIRST,
    LOOK_UP,
    SECOND,
    LoggingTTS,
    bodies,
    reader_of,
    replies,
    said,
)

pytestmark = pytest.mark.sim


async def test_the_first_sentence_is_spoken_while_the_rest_is_being_written(spoken_call, log):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 2.0, "are a good beginning."])
    await call.ask()
    assert log == [f"says {FIRST}"]
    assert call.played_bytes() > 0
    await asyncio.sleep(2)
    assert log == [f"says {FIRST}", "written", "closed", f"says {SECOND}"]
    await call.answer_played()
    assert call.told(HookTrigger.AFTER_TTS) == [f"{FIRST} {SECOND}"]


async def test_the_timeline_gets_one_event_with_the_whole_text(spoken_call):
    call = await spoken_call([f"{FIRST} ", 1.0, SECOND], usage={"output_tokens": 12})
    told: list[RoomEvent] = []

    @call.kit.hook(HookTrigger.AFTER_BROADCAST, execution=HookExecution.ASYNC)
    async def note(event, context):
        told.append(event)

    await call.ask()
    await asyncio.sleep(5)
    question, answer = [e for e in await call.kit.store.list_events("call-1") if e.type is EventType.MESSAGE]
    assert answer.content == TextContent(body=f"{FIRST} {SECOND}")
    assert (answer.status, answer.index, answer.chain_depth) == (EventStatus.DELIVERED, question.index + 1, 1)
    assert (answer.parent_event_id, answer.source.channel_id) == (question.id, "agent")
    assert answer.metadata == {"usage": {"output_tokens": 12}}
    assert [event.id for event in told] == [question.id, answer.id]


async def test_a_streamed_reply_is_said_once_and_shown_once_to_those_who_read(spoken_call):
    call = await spoken_call([f"{FIRST} ", 1.0, SECOND])
    shown = await reader_of(call)
    await call.ask()
    assert shown == [], "who reads gets whole events"
    await asyncio.sleep(5)
    assert [event["content"]["body"] for event in shown] == [f"{FIRST} {SECOND}"]
    assert said(call) == [FIRST, SECOND]


async def test_words_before_a_tool_call_are_spoken_then_the_tool_runs_then_the_answer_goes_on(spoken_call, log):
    async def look_up(name: str, arguments: dict[str, Any]) -> str:
        log.append("tool begins")
        await asyncio.sleep(2)
        log.append("tool ends")
        return "4 percent"

    call = await spoken_call(
        ["Let me look.", LOOK_UP], ["They yield ", 1.0, "4 percent."], usage={"output_tokens": 3}, tool_handler=look_up
    )

    @call.kit.hook(HookTrigger.BEFORE_TTS)
    async def slow(text, context):
        await asyncio.sleep(0.5)
        log.append(f"allowed {text.strip()}")
        return HookResult.allow()

    await call.ask()
    await asyncio.sleep(10)
    order = [entry for entry in log if entry not in ("written", "closed")]
    # Speech is another task: it begins when the tool does, and in no order with it.
    order.remove("says Let me look.")
    assert "says Let me look." in log[: log.index("tool ends")]
    assert order == [
        "allowed Let me look.",
        "tool begins",
        "tool ends",
        "allowed They yield 4 percent.",
        "says They yield 4 percent.",
    ]
    [answer] = await replies(call)
    assert answer.content == TextContent(body="Let me look. They yield 4 percent.")
    assert answer.metadata == {"usage": {"output_tokens": 6}}
    told = call.model.calls[1].messages[-2:]
    assert [message.role for message in told] == ["assistant", "tool"]


async def test_a_synthesiser_that_takes_text_as_it_is_written_speaks_before_the_tool_too(spoken_call, log):
    async def look_up(name: str, arguments: dict[str, Any]) -> str:
        await asyncio.sleep(2)
        log.append("tool ends")
        return "4 percent"

    tts = LoggingTTS(log, streaming_input=True)
    call = await spoken_call(["Let me look.", LOOK_UP], ["4 percent."], tts=tts, tool_handler=look_up)
    await call.ask()
    await asyncio.sleep(10)
    assert [entry for entry in log if entry not in ("written", "closed")] == [
        "says Let me look.",
        "tool ends",
        "says 4 percent.",
    ]
    assert call.told(HookTrigger.AFTER_TTS) == ["Let me look. 4 percent."]


async def test_a_voice_that_fails_is_reported_and_the_default_one_speaks_what_is_being_written(spoken_call, log):
    class OneVoice(LoggingTTS):
        async def synthesize_stream_input(self, text, *, voice=None):
            if voice != self.default_voice:
                await anext(text)
                raise ProviderError("no such voice")
            async for chunk in super().synthesize_stream_input(text, voice=voice):
                yield chunk

    call = await spoken_call([f"{FIRST} ", 1.0, SECOND], tts=OneVoice(log, streaming_input=True, ms_per_character=70))
    await call.ask()
    await asyncio.sleep(10)
    assert said(call) == [FIRST, SECOND]
    assert call.told(HookTrigger.AFTER_TTS) == [f"{FIRST} {SECOND}"]
    assert [error["where"] for error in call.errors] == ["voice 'agents-voice' of mock"]


async def test_nothing_is_interrupted_for_an_answer_that_has_no_words_yet(spoken_call):
    call = await spoken_call([30.0, FIRST], ["unused"])
    await call.voice.say(call.session, "Please hold the line. " * 5)
    await asyncio.sleep(1)
    message = InboundMessage(channel_id="voice", sender_id="caller-1", content=TextContent(body="hello?"))
    await call.kit.process_inbound(message, room_id="call-1")
    await call.answer_played()
    assert call.told(HookTrigger.ON_TTS_CANCELLED) == []
    assert said(call)[-1] == FIRST


async def test_what_is_said_in_between_does_not_end_the_answer(spoken_call):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 4.0, "are a good beginning."])
    await call.ask()
    assert await call.voice.say(call.session, "Somebody is at the door.")
    await asyncio.sleep(10)
    assert said(call) == [FIRST, "Somebody is at the door.", SECOND]
    [answer] = await replies(call)
    assert (answer.content, answer.metadata) == (TextContent(body=f"{FIRST} {SECOND}"), {})


async def test_a_streamed_reply_is_told_to_the_agents_memory(spoken_call):
    memory = MockMemoryProvider()
    call = await spoken_call([f"{FIRST} ", 1.0, SECOND])
    call.agent.memory = memory
    await call.ask()
    await asyncio.sleep(5)
    assert bodies(memory.ingested) == [f"{FIRST} {SECOND}"]


async def test_what_was_said_is_in_the_timeline_though_the_agents_memory_failed(spoken_call, monkeypatch):
    async def fail(*_, **__):
        raise OSError("disk full")

    call = await spoken_call([f"{FIRST} ", 1.0, SECOND])
    monkeypatch.setattr(call.agent.memory, "ingest", fail)
    await call.ask()
    await asyncio.sleep(5)
    assert bodies(await replies(call)) == [f"{FIRST} {SECOND}"]
    assert [(error["where"], error["exception"]) for error in call.errors] == [("memory of agent agent", "OSError")]


# Endings before the end


async def test_a_barge_in_closes_the_models_stream_and_keeps_what_was_written(spoken_call, log):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 3600.0, "never."], ["Yes?"])
    shown = await reader_of(call)
    await call.ask()
    await call.speak(400)
    assert log == [f"says {FIRST}", "closed"]
    await call.be_silent(600)
    await call.answer_played()
    first, second = await replies(call)
    assert (first.content.body, first.metadata) == (f"{FIRST} Bonds", {"incomplete": "interrupted"})
    assert (first.status, second.content.body, second.metadata) == (EventStatus.DELIVERED, "Yes?", {})
    assert [event["content"]["body"] for event in shown] == [f"{FIRST} Bonds", "Yes?"]
    assert [event.reason for event in call.told(HookTrigger.ON_TTS_CANCELLED)] == ["barge_in"]


async def test_a_caller_who_hangs_up_ends_the_writing(spoken_call, log):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 3600.0, "never."])
    await call.ask()
    await call.voice.end_session(call.session)
    await asyncio.sleep(0.001)
    assert log[-1] == "closed"
    assert [event.metadata for event in await replies(call)] == [{"incomplete": "interrupted"}]


async def test_a_caller_who_hangs_up_before_the_first_sentence_ends_the_writing_with_it(spoken_call, log):
    call = await spoken_call([2.0, f"{FIRST} ", "Bonds ", 3600.0, "never."])
    second = await call.voice.start_session("call-1", "caller-2", None)
    await call.ask()
    await call.voice.end_session(call.session)
    await call.voice.end_session(second)
    await asyncio.sleep(5)
    assert (log, said(call)) == (["closed"], [])
    assert [event.metadata for event in await replies(call)] == [{"incomplete": "interrupted"}]


async def test_one_of_two_callers_who_interrupts_stops_the_answer_for_nobody_else(spoken_call):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 3.0, "are a good beginning."])
    second = await call.voice.start_session("call-1", "caller-2", None)
    await call.ask()
    await call.voice.interrupt(second)
    await asyncio.sleep(5)
    [answer] = await replies(call)
    assert (answer.content.body, answer.metadata) == (f"{FIRST} {SECOND}", {})
    assert said(call) == [FIRST, FIRST, SECOND]


async def test_a_tool_that_runs_when_the_caller_interrupts_comes_to_its_end_and_the_model_is_not_asked_again(
    spoken_call, log
):
    async def look_up(name: str, arguments: dict[str, Any]) -> str:
        log.append("tool begins")
        await asyncio.sleep(3)
        log.append("tool ends")
        return "4 percent"

    call = await spoken_call(["Let me look that up for you.", LOOK_UP], ["4 percent."], tool_handler=look_up)
    await call.ask()
    await call.voice.interrupt(call.session)
    await asyncio.sleep(5)
    assert ("tool begins" in log, log[-1]) == (True, "tool ends")
    assert len(call.model.calls) == 1
    [answer] = await replies(call)
    assert (answer.content.body, answer.metadata) == ("Let me look that up for you.", {"incomplete": "interrupted"})


async def test_a_model_that_fails_in_the_middle_is_reported_and_its_words_are_kept_and_marked(spoken_call):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 1.0, ProviderError("upstream: key sk-123 is over its limit")])
    shown = await reader_of(call)
    await call.ask()
    await asyncio.sleep(5)
    assert [(error["where"], error["exception"]) for error in call.errors] == [("agent agent", "ProviderError")]
    assert len(call.told(HookTrigger.ON_ERROR)) == 1
    [answer] = await replies(call)
    assert (answer.content.body, answer.metadata) == (f"{FIRST} Bonds", {"incomplete": "failed"})
    assert said(call) == [FIRST, "Bonds"]
    assert [event["content"]["body"] for event in shown] == [f"{FIRST} Bonds"]


async def test_a_model_that_awaits_something_cancelled_has_failed(spoken_call):
    call = await spoken_call([f"{FIRST} ", 1.0, asyncio.CancelledError()], ["Yes?"])
    await call.ask()
    await asyncio.sleep(5)
    assert [(error["where"], error["exception"]) for error in call.errors] == [("agent agent", "WorkCancelledError")]
    [answer] = await replies(call)
    assert (answer.content.body, answer.metadata) == (FIRST, {"incomplete": "failed"})


async def test_a_model_that_fails_before_its_first_word_is_reported_and_says_nothing(spoken_call):
    call = await spoken_call([ProviderError("down")])
    await call.ask()
    await asyncio.sleep(5)
    assert [error["exception"] for error in call.errors] == ["ProviderError"]
    assert (await replies(call), said(call)) == ([], [])


async def test_a_model_that_takes_too_long_is_reported_and_its_words_are_kept(spoken_call, log):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 3600.0])
    await call.ask()
    await asyncio.sleep(310)
    assert log[-1] == "says Bonds"
    assert [error["exception"] for error in call.errors] == ["TimeoutError"]
    assert [event.metadata for event in await replies(call)] == [{"incomplete": "failed"}]


async def test_a_synthesiser_that_fails_leaves_the_written_reply_whole(spoken_call):
    tts = MockTTSProvider(fail=lambda text, voice: ProviderError("hoarse"))
    call = await spoken_call([f"{FIRST} ", "Bonds ", 3.0, "are a good beginning."], tts=tts)
    await call.ask()
    await asyncio.sleep(10)
    [answer] = await replies(call)
    assert (answer.content.body, answer.metadata) == (f"{FIRST} {SECOND}", {})
    assert "speech" in [error["where"] for error in call.errors]


async def test_a_message_that_is_cancelled_closes_the_models_stream_and_frees_the_room(spoken_call, log):
    call = await spoken_call([f"{FIRST} ", "Bonds ", 3600.0, "never."])
    message = InboundMessage(channel_id="voice", sender_id="caller-1", content=TextContent(body="hello?"))
    asking = asyncio.create_task(call.kit.process_inbound(message, room_id="call-1"))
    await asyncio.sleep(0.5)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert log[-1] == "closed"
    assert call.voice.playback_state(call.session) is None
    async with asyncio.timeout(1):
        await call.kit.mute("call-1", "agent")


async def test_an_endless_tool_loop_is_reported(spoken_call):
    call = await spoken_call(["Still looking.", LOOK_UP], tool_handler=lambda name, arguments: "nothing")
    call.agent._max_tool_rounds = 2
    await call.ask()
    await asyncio.sleep(10)
    assert [error["message"] for error in call.errors] == ["stopped after 2 rounds of tool calls without an answer"]
    assert bodies(await replies(call)) == ["Still looking. Still looking. Still looking."]


async def gemini(world: Any, *answers: ModelAnswer) -> tuple[GeminiAIProvider, HttpModelServer]:
    left = list(answers)
    server = HttpModelServer(lambda request: left.pop(0))
    world.network.add_host("generativelanguage.googleapis.com")
    await server.serve("generativelanguage.googleapis.com", 443)
    return GeminiAIProvider(GeminiConfig(api_key=SecretStr("simulated"), model="gemini-3-pro")), server


async def test_geminis_answer_is_spoken_while_it_comes_and_its_connection_is_closed_by_a_barge_in(voice_call, world):
    slow = ModelAnswer((f"{FIRST} ", "Bonds ", "are ", "never ", "written."), between_ms=1000)
    provider, server = await gemini(world, slow, ModelAnswer(("Yes?",)))
    call = await voice_call(model=provider)
    await call.ask()
    await asyncio.sleep(1.2)
    assert (said(call), server.open_connections) == ([FIRST], 1)
    await call.speak(400)
    assert (server.open_connections, len(server.requests)) == (0, 1)
    await call.be_silent(600)
    await call.answer_played()
    await call.kit.close()
    await server.close()
    first, second = await replies(call)
    assert (first.metadata["incomplete"], second.content.body) == ("interrupted", "Yes?")
