"""The rules of rooms, hooks and handoffs, for replies that are spoken while they are written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import Access, EventStatus, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.orchestration.pipeline import ConversationPipeline, PipelineStage
from roomkit_sim.orchestration.state import get_conversation_state
from tests.channels.streamed_replies import (
    FAREWELL,
    FIRST,
    HANDOFF,
    LOOK_UP,
    SECOND,
    Writer,
    attach,
    bodies,
    reader_of,
    replies,
    said,
)

pytestmark = pytest.mark.sim


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
