"""Replies that are spoken while the model is still writing them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from google import genai  # noqa: F401 - loaded before time is simulated
from pydantic import SecretStr

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.errors import ProviderError
from roomkit_sim.memory.mock import MockMemoryProvider
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import Access, EventStatus, EventType, HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent, TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.orchestration.pipeline import ConversationPipeline, PipelineStage
from roomkit_sim.orchestration.state import get_conversation_state
from roomkit_sim.providers.ai.base import AIContext, AIProvider, AIResponse, AIToolCall
from roomkit_sim.providers.gemini.ai import GeminiAIProvider
from roomkit_sim.providers.gemini.ai_config import GeminiConfig
from roomkit_sim.sim.servers.http_models import HttpModelServer, ModelAnswer
from roomkit_sim.voice.tts.mock import MockTTSProvider

pytestmark = pytest.mark.sim

FIRST, SECOND = "I can help you with that.", "Bonds are a good beginning."
LOOK_UP = AIToolCall(id="t1", name="look_up", arguments={"what": "bonds"})
HANDOFF = AIToolCall(
    id="h1",
    name="handoff_conversation",
    arguments={"target": "advisor", "reason": "wants advice", "summary": "wants to invest"},
)
FAREWELL = "One moment, please."


class Writer(AIProvider):
    """Writes what its script says: words, pauses in seconds, failures, and calls; one list is one answer."""

    supports_streaming = True

    def __init__(self, *answers: list[Any], log: list[str] | None = None, usage: dict[str, int] | None = None) -> None:
        self._answers = answers
        self.calls: list[AIContext] = []
        self.log = log if log is not None else []
        self._usage = usage or {}

    @property
    def model_name(self) -> str:
        return "writer"

    async def generate(self, context: AIContext) -> AIResponse:
        *_, answer = [piece async for piece in self.stream_response(context)]
        assert isinstance(answer, AIResponse)
        return answer

    async def stream_response(self, context: AIContext) -> AsyncGenerator[str | AIResponse, None]:
        self.calls.append(context.model_copy(deep=True))
        words, calls = "", []
        try:
            for part in self._answers[(len(self.calls) - 1) % len(self._answers)]:
                match part:
                    case float():
                        await asyncio.sleep(part)
                    case BaseException():
                        raise part
                    case AIToolCall():
                        calls.append(part)
                    case _:
                        words += part
                        yield part
            self.log.append("written")
            yield AIResponse(content=words, tool_calls=calls, usage=self._usage)
        finally:
            self.log.append("closed")


class LoggingTTS(MockTTSProvider):
    """Notes in a log what it is to say, in which order with what others note there."""

    def __init__(self, log: list[str], **settings: Any) -> None:
        super().__init__(**settings)
        self._log = log

    def _record(self, text: str, voice: str | None) -> None:
        self._log.append(f"says {text.strip()}")
        super()._record(text, voice)


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def spoken_call(voice_call, log):
    """A call whose model writes these answers."""

    async def make(*answers: list[Any], usage: dict[str, int] | None = None, tool_handler: Any = None, **options: Any):
        tts = options.pop("tts", None) or LoggingTTS(log, ms_per_character=70)
        call = await voice_call(model=Writer(*answers, log=log, usage=usage), tts=tts, **options)
        call.agent.tool_handler = tool_handler
        return call

    return make


async def attach(call: Any, channel: Any, **binding: Any) -> None:
    call.kit.register_channel(channel)
    await call.kit.attach_channel("call-1", channel.channel_id, **binding)


async def reader_of(call: Any) -> list[dict[str, Any]]:
    """Somebody who reads along on a screen; gives what the agent is shown to have said."""
    shown: list[dict[str, Any]] = []
    screen = WebSocketChannel("screen")

    async def show(event: dict[str, Any]) -> None:
        if event["source"]["channel_id"] == "agent":
            shown.append(event)

    await attach(call, screen)
    screen.connect("browser", show)
    return shown


async def replies(call: Any) -> list[RoomEvent]:
    events = await call.kit.store.list_events("call-1", limit=100)
    return [e for e in events if e.type is EventType.MESSAGE and e.source.channel_id != "voice"]


def bodies(events: list[RoomEvent]) -> list[str]:
    return [event.content.body for event in events if isinstance(event.content, TextContent)]


def said(call: Any) -> list[str]:
    return [str(spoken["text"]).strip() for spoken in call.tts.calls]


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


# Rules


@pytest.mark.parametrize("silenced", ["muted", Access.READ_ONLY, Access.NONE])
async def test_an_agent_that_may_not_speak_is_not_asked(spoken_call, silenced):
    call = await spoken_call([FIRST])
    if isinstance(silenced, Access):
        await call.kit.set_access("call-1", "agent", silenced)
    else:
        await call.kit.mute("call-1", "agent")
    await call.ask()
    await asyncio.sleep(5)
    assert (call.model.calls, said(call), await replies(call)) == ([], [], [])


@pytest.mark.parametrize("access", [Access.WRITE_ONLY, Access.NONE])
async def test_a_caller_whose_channel_may_not_read_hears_nothing(spoken_call, access):
    call = await spoken_call([f"{FIRST} ", 1.0, SECOND])
    shown = await reader_of(call)
    await call.kit.set_access("call-1", "voice", access)
    message = InboundMessage(channel_id="screen", sender_id="somebody", content=TextContent(body="hello?"))
    await call.kit.process_inbound(message, room_id="call-1")
    await asyncio.sleep(5)
    assert said(call) == []
    assert [event["content"]["body"] for event in shown] == [f"{FIRST} {SECOND}"]


@pytest.mark.parametrize("visibility", ["intelligence", "none", "screen"])
async def test_what_an_agent_says_to_others_is_not_spoken(spoken_call, visibility):
    call = await spoken_call([f"{FIRST} ", 1.0, SECOND])
    await call.kit.set_visibility("call-1", "agent", visibility)
    await call.ask()
    await asyncio.sleep(5)
    assert said(call) == []
    assert bodies(await replies(call)) == [f"{FIRST} {SECOND}"]


async def test_what_the_application_sends_asks_no_model_even_if_it_is_routed_to_one(spoken_call):
    call = await spoken_call([FIRST])
    await attach(call, WebSocketChannel("system"))
    await call.kit.send_event("call-1", "system", TextContent(body="News."))
    await call.kit.send_event("call-1", "system", TextContent(body="More."), metadata={"_routed_to": "agent"})
    await call.answer_played()
    assert (call.model.calls, said(call)) == ([], ["News.", "More."])


async def test_a_hook_that_may_block_replies_gets_them_whole_before_anything_is_spoken(spoken_call):
    call = await spoken_call([f"{FIRST} ", 1.0, "The secret is 42."])

    @call.kit.hook(HookTrigger.BEFORE_BROADCAST)
    async def moderate(event, context):
        return HookResult.block("secret") if "secret" in event.content.body else HookResult.allow()

    await call.ask()
    await asyncio.sleep(5)
    assert said(call) == []
    [answer] = await replies(call)
    assert (answer.status, answer.blocked_by) == (EventStatus.BLOCKED, "moderate")


async def test_every_sentence_is_shown_to_the_hooks_before_it_is_spoken(spoken_call):
    call = await spoken_call([f"{FIRST} ", 1.0, "The secret is 42. ", SECOND])

    @call.kit.hook(HookTrigger.BEFORE_TTS)
    async def censor(text, context):
        return HookResult.block("secret") if "secret" in text else HookResult.modify(text.upper())

    await call.ask()
    await asyncio.sleep(5)
    assert said(call) == [FIRST.upper(), SECOND.upper()]


async def test_a_reply_that_is_too_deep_in_a_chain_is_not_spoken(spoken_call):
    call = await spoken_call([f"{FIRST} ", 1.0, SECOND])
    await attach(call, Agent("other", provider=Writer(["And I, too. ", 1.0, "With pleasure."])))
    await call.ask()
    await asyncio.sleep(60)
    blocked = [event for event in await replies(call) if event.status is EventStatus.BLOCKED]
    spoken = [event for event in await replies(call) if event.status is EventStatus.DELIVERED]
    assert {event.blocked_by for event in blocked} == {"event_chain_depth_limit"}
    assert len(said(call)) == 2 * len(spoken)


@pytest.mark.parametrize("why", ["the channel does not stream", "nobody is on the line", "the model does not stream"])
async def test_where_nothing_streams_the_reply_is_whole(spoken_call, monkeypatch, why):
    call = await spoken_call([f"{FIRST} ", "Let me look.", LOOK_UP], [SECOND], streaming=why[4] != "c")
    call.agent.tool_handler = lambda name, arguments: "nothing"
    if why == "the model does not stream":
        monkeypatch.setattr(Writer, "supports_streaming", False)
    if why == "nobody is on the line":
        await call.voice.end_session(call.session)
    await attach(call, WebSocketChannel("system"))
    message = InboundMessage(channel_id="system", sender_id="somebody", content=TextContent(body="hello?"))
    await call.kit.process_inbound(message, room_id="call-1")
    await call.answer_played()
    assert bodies(await replies(call))[-1:] == [SECOND]
    assert FIRST not in said(call)


async def test_two_agents_that_answer_at_once_do_not_cut_each_other_short_sentence_by_sentence(spoken_call):
    call = await spoken_call([f"{FIRST} ", 1.0, SECOND])
    await call.kit.set_visibility("call-1", "agent", "voice")
    await attach(call, Agent("other", provider=Writer(["And I, too. ", 1.0, "With pleasure."])), visibility="voice")
    await call.ask()
    await asyncio.sleep(20)
    assert said(call) == [FIRST, SECOND, "And I, too.", "With pleasure."]
    assert bodies(await replies(call)) == [f"{FIRST} {SECOND}", "And I, too. With pleasure."]


# Handoffs


async def handed_over(spoken_call: Any, *answers: list[Any], **install: Any) -> Any:
    """A call on which the agent hands over to an advisor; until everybody has said what they have to say."""
    call = await spoken_call(*answers, voice_map={"agent": "low", "advisor": "high"})
    advisor = Agent("advisor", provider=Writer(["I am the ", 0.5, "advisor."]), voice="high")
    await attach(call, advisor)
    stages = [
        PipelineStage(phase="triage", agent_id="agent", next="advising"),
        PipelineStage(phase="advising", agent_id="advisor"),
    ]
    settings = {"voice_channel_id": "voice", "greet_on_handoff": True, **install}
    ConversationPipeline(stages).install(call.kit, [call.agent, advisor], **settings)
    await call.ask()
    await asyncio.sleep(60)
    return call


def spoken_by(call: Any) -> list[tuple[str, str | None]]:
    return [(str(spoken["text"]).strip(), spoken["voice"]) for spoken in call.tts.calls]


BEFORE, AFTER = "Let me put you through.", "Goodbye from triage."


async def test_an_old_agents_last_words_are_heard_before_the_new_agents_first(spoken_call):
    call = await handed_over(spoken_call, [BEFORE, HANDOFF], ["Goodbye ", 1.0, "from triage."])
    assert spoken_by(call) == [(BEFORE, "low"), (AFTER, "low"), ("I am the advisor.", "high")]
    assert [event.source.channel_id for event in await replies(call)][-1] == "advisor"
    assert [body for body in bodies(await replies(call)) if "Let me" in body] == [f"{BEFORE} {AFTER}"]
    assert call.told(HookTrigger.ON_TTS_CANCELLED) == []
    assert get_conversation_state(await call.kit.get_room("call-1")).active_agent_id == "advisor"


async def test_with_a_farewell_what_the_old_agent_writes_after_the_handoff_is_not_spoken(spoken_call):
    call = await handed_over(
        spoken_call, [BEFORE, HANDOFF], ["Goodbye ", 1.0, "from triage."], farewell_prompt=FAREWELL
    )
    assert spoken_by(call) == [(BEFORE, "low"), (FAREWELL, "low"), ("I am the advisor.", "high")]


async def test_a_streamed_reply_wakes_no_other_agent(spoken_call):
    call = await handed_over(spoken_call, [f"{FIRST} ", 1.0, SECOND])
    assert call.kit.channels["advisor"].provider.calls == []
    assert spoken_by(call) == [(FIRST, "low"), (SECOND, "low")]
