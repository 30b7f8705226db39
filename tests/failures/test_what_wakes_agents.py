"""Failures 13 to 18 and 34: what makes a model answer, and what it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.models.enums import ChannelType, EventType
from roomkit_sim.models.event import TextContent
from roomkit_sim.orchestration.pipeline import PipelineStage

Build = Callable[..., Any]
NEWS = TextContent(body="Your parcel has arrived.")
TWO_STAGES = (PipelineStage(phase="p1", agent_id="a", next="p2"), PipelineStage(phase="p2", agent_id="b"))


def words(context: Any) -> str:
    return "\n".join(str(message.content) for message in context.messages)


@pytest.fixture
def streaming_room(text_desk: Build, streaming_agent: Build) -> Build:
    """Agent a, who streams and is in charge, and agent b, who does not."""

    async def build(*, model_of_b: Any = None, **install: Any) -> Any:
        b = Agent("b", provider=model_of_b) if model_of_b is not None else streaming_agent("b")
        return await text_desk(stages=TWO_STAGES, agents=[streaming_agent("a"), b], **install)

    return build


def calls(desk: Any) -> list[int]:
    return [len(agent.provider.calls) for agent in desk.agents.values()]


async def test_13_what_the_application_sends_reaches_people_and_wakes_no_agent(text_desk: Build) -> None:
    desk = await text_desk()
    desk.kit.register_channel(WebSocketChannel("system"))
    await desk.kit.attach_channel("call-1", "system")
    await desk.kit.send_event("call-1", "system", NEWS)
    assert desk.calls() == {"triage": 0, "advisor": 0, "closer": 0}
    assert desk.spoken() == [("system", NEWS.body)]


async def test_14_what_the_application_sends_wakes_no_streaming_agent(streaming_room: Build) -> None:
    desk = await streaming_room()
    desk.kit.register_channel(WebSocketChannel("system"))
    await desk.kit.attach_channel("call-1", "system")
    await desk.kit.send_event("call-1", "system", NEWS)
    assert calls(desk) == [0, 0]
    assert desk.spoken() == [("system", NEWS.body)]


async def test_15_a_streamed_reply_does_not_ask_the_other_agents_model(streaming_room: Build, model: Any) -> None:
    desk = await streaming_room(model_of_b=model("b"))
    await desk.say("hello")
    assert calls(desk) == [1, 0]
    assert desk.spoken() == [("a", "a answers")]


async def test_16_a_muted_streaming_agent_asks_no_model_and_says_nothing(streaming_room: Build) -> None:
    desk = await streaming_room()
    await desk.kit.mute("call-1", "a")
    await desk.say("hello")
    assert (calls(desk), desk.spoken()) == ([0, 0], [])
    assert [e.content.body for e in await desk.timeline() if e.type is EventType.MESSAGE] == ["hello"]


async def test_17_the_notice_of_a_handoff_is_not_in_the_next_agents_prompt(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("hello")
    await desk.handle("triage", "advisor")
    await desk.say("tell me about bonds")
    assert "[Handoff: triage -> advisor] asked for it" in [e.content.body for e in await desk.timeline()]
    [prompt] = [words(call) for call in desk.model("advisor").calls]
    assert prompt == "hello\ntriage answers\ntell me about bonds"


@pytest.mark.sim
async def test_18_the_cue_to_greet_is_nobodys_words(spoken_line: Build) -> None:
    line = spoken_line()
    shown: list[dict[str, Any]] = []

    async def show(event: dict[str, Any]) -> None:
        shown.append(event)

    session = await line.call()
    screen = WebSocketChannel("screen")
    line.kit.register_channel(screen)
    await line.kit.attach_channel("call-1", "screen")
    screen.connect("browser", show)
    await line.say(session)
    await line.say(session)
    cue = "You have taken this conversation over"
    greeting, answer = (words(call) for call in line.advisor.provider.calls)
    assert (cue in greeting, cue in answer) == (True, False)
    said = [e.content.body for e in await line.timeline() if e.source.participant_id == "caller"]
    assert said == ["I want to invest."] * 2
    assert not any(cue in event["content"].get("body", "") for event in shown)
    assert "I am the advisor." in [event["content"].get("body") for event in shown]


async def test_34_a_supervisor_answers_people_once_and_knows_what_agents_said(text_desk: Build, model: Any) -> None:
    names = ("triage", "advisor", "closer", "boss")
    desk = await text_desk(agents=[Agent(name, provider=model(name)) for name in names], supervisor_id="boss")
    await desk.say("hello")
    assert desk.calls() == {"triage": 1, "advisor": 0, "closer": 0, "boss": 1}
    await desk.say("and now?")
    assert desk.calls()["boss"] == 2
    assert "triage answers" in words(desk.model("boss").calls[1])
    assert [e.source.channel_type for e in await desk.timeline() if e.type is EventType.MESSAGE].count(
        ChannelType.AI
    ) == 4
    desk.handler.greeting_map["triage"] = "Greet the person"
    await desk.handler.send_greeting("call-1", channel_id="chat")
    assert (desk.calls()["triage"], desk.calls()["boss"]) == (3, 2), "whoever is asked to greet is one"
