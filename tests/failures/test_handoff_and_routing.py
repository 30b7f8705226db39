"""Failures 1 to 12: who may hand over to whom, and who answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.transport import TransportChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.memory.sliding_window import SlidingWindowMemory
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelType, HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.orchestration.handoff import HandoffMemoryProvider
from roomkit_sim.orchestration.pipeline import PipelineStage
from roomkit_sim.orchestration.router import ConversationRouter, RoutingConditions, RoutingRule
from roomkit_sim.orchestration.state import get_conversation_state
from roomkit_sim.voice.base import VoiceSessionState

Build = Callable[..., Any]


class Room:
    """Two agents, a and b, in the room ``r``, under a router without a pipeline."""

    def __init__(self, router: ConversationRouter, model: Any) -> None:
        self.router = router
        self.kit = RoomKit()
        self.errors: list[dict[str, Any]] = []
        self.kit.on("error")(lambda event: self.errors.append(event.data))
        self.models = {name: model(name) for name in ("a", "b")}
        self.agents = [Agent(name, provider=provider) for name, provider in self.models.items()]

    async def open(self) -> Room:
        for channel in (WebSocketChannel("chat"), *self.agents):
            self.kit.register_channel(channel)
        await self.kit.create_room("r")
        for channel_id in ("chat", "a", "b"):
            await self.kit.attach_channel("r", channel_id)
        return self

    async def say(self, text: str) -> dict[str, int]:
        """How often each model has been asked after this message."""
        message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body=text))
        await self.kit.process_inbound(message, room_id="r")
        return {name: len(model.calls) for name, model in self.models.items()}


def request(target: str) -> dict[str, str]:
    return {"target": target, "reason": "asked for it", "summary": "wants bonds"}


async def test_01_quick_start_first_handoff_is_accepted(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    told = await desk.tool_call(session, "advisor")
    assert (told["accepted"], told["new_agent_id"], told["new_phase"]) == (True, "advisor", "advising"), told["reason"]
    assert desk.config(session)[:2] == ("You are advisor.", "Voice of advisor")


async def test_02_a_person_can_be_asked_for_in_every_stage_of_a_pipeline(voice_desk: Build) -> None:
    desk = await voice_desk()
    for number, path in enumerate(([], ["advisor"], ["advisor", "closer"])):
        room_id = f"room-{number}"
        await desk.kit.create_room(room_id)
        await desk.kit.attach_channel(room_id, "voice")
        session = await desk.call(room_id)
        for target in path:
            await desk.tool_call(session, target)
        phase = (await desk.state(room_id)).phase
        told = await desk.tool_call(session, "human")
        assert (told["accepted"], told["new_phase"]) == (True, phase), told["reason"]


async def test_03_after_a_handoff_to_a_person_no_agent_answers(model: Any, voice_desk: Build) -> None:
    room = Room(ConversationRouter(default_agent_id="a"), model)
    handler = room.router.install(room.kit, room.agents)
    await room.open()
    assert (await handler.handle("r", "a", request("human"))).accepted
    assert await room.say("are you there?") == {"a": 0, "b": 0}

    desk = await voice_desk()
    session = await desk.call()
    await desk.tool_call(session, "human")
    await desk.transport.simulate_client_audio(session, b"\0\1" * 160)
    await desk.settle()
    assert (desk.provider.sent_audio, session.state) == ([], VoiceSessionState.PAUSED)


async def test_04_a_transport_cannot_take_a_conversation_over(model: Any) -> None:
    room = Room(ConversationRouter(default_agent_id="a"), model)
    handler = room.router.install(room.kit, room.agents)
    await room.open()
    result = await handler.handle("r", "a", request("chat"))
    assert not result.accepted
    assert "not found in room: choose one of b, human" in result.reason
    assert await room.say("hello?") == {"a": 1, "b": 0}


async def test_05_a_replaced_agent_cannot_take_the_room_with_it(model: Any) -> None:
    room = Room(ConversationRouter(default_agent_id="a"), model)
    handler = room.router.install(room.kit, room.agents)
    await room.open()
    await handler.handle("r", "a", request("b"))
    late = await handler.handle("r", "a", request("human"))
    assert (late.accepted, "'b' is" in late.reason) == (False, True)
    state = get_conversation_state(await room.kit.get_room("r"))
    assert (state.active_agent_id, len(state.phase_history)) == ("b", 1)


async def test_06_an_agent_does_not_enter_the_phase_of_another(text_desk: Build) -> None:
    stages = [
        PipelineStage(phase="p1", agent_id="a", next="p2", can_return_to={"p3"}),
        PipelineStage(phase="p2", agent_id="b"),
        PipelineStage(phase="p3", agent_id="c"),
    ]
    desk = await text_desk(stages=stages)
    result = await desk.handle("a", "c", next_phase="p2")
    assert (result.accepted, result.reason) == (False, "phase 'p2' does not belong to 'c', whose phases are p3")
    assert ((await desk.state()).phase, (await desk.state()).active_agent_id) == ("p1", "a")


async def test_07_a_handoff_to_oneself_is_refused_and_leaves_no_trace(model: Any, observe: Any) -> None:
    room = Room(ConversationRouter(default_agent_id="a"), model)
    handler = room.router.install(room.kit, room.agents, agent_aliases={"reception": "a"})
    observed = observe(room.kit)
    await room.open()
    for target in ("a", "reception"):
        assert not (await handler.handle("r", "a", request(target))).accepted
    assert observed.hook_names == ["on_handoff_rejected"] * 2
    assert get_conversation_state(await room.kit.get_room("r")).phase_history == []


async def test_08_an_escalation_is_checked_and_done(text_desk: Build) -> None:
    sent: list[str] = []

    async def send(address: str, text: str) -> None:
        sent.append(text)

    desk = await text_desk()
    unknown = await desk.handle("triage", "advisor", channel_escalation="fax")
    unbound = await desk.handle("triage", "advisor", channel_escalation="sms")
    assert ("unknown channel_escalation 'fax'" in unknown.reason, "no sms channel" in unbound.reason) == (True, True)
    desk.kit.register_channel(TransportChannel("texts", ChannelType.SMS, send=send))
    await desk.kit.attach_channel("call-1", "texts", metadata={"address": "+1555"})
    assert (await desk.handle("triage", "advisor", channel_escalation="sms")).accepted
    await desk.say("hello")
    assert (sent[0], sent[-1]) == ("Your conversation continues here.", "advisor answers")
    assert desk.spoken() == []


async def test_09_an_old_summary_does_not_come_back(text_desk: Build, model: Any) -> None:
    def agent(name: str) -> Agent:
        return Agent(name, provider=model(name), memory=HandoffMemoryProvider(SlidingWindowMemory()))

    def heading(context: Any) -> str:
        return str(context.messages[0].content)

    desk = await text_desk(agents=[agent(name) for name in ("triage", "advisor", "closer")])
    await desk.handle("triage", "advisor")
    await desk.say("first")
    await desk.handle("advisor", "triage")
    for number in range(6):
        await desk.say(f"message {number}")
    assert [heading(call) for call in desk.model("advisor").calls] == [
        "[Handed over by triage. Summary: summary of triage]"
    ]
    first, *later = [heading(call) for call in desk.model("triage").calls]
    assert first == "[Handed over by advisor. Summary: summary of advisor]"
    assert later == ["first"] * 5


async def test_10_one_message_has_one_answer_with_agents_attached_by_default(model: Any) -> None:
    room = Room(ConversationRouter(default_agent_id="a"), model)
    room.router.install(room.kit, room.agents)
    await room.open()
    assert await room.say("hello") == {"a": 1, "b": 0}


async def test_11_a_rule_that_raises_does_not_make_everybody_answer(model: Any) -> None:
    def broken(*_: Any) -> bool:
        raise KeyError("a rule with a bug")

    rule = RoutingRule(agent_id="b", conditions=RoutingConditions(custom=broken))
    room = Room(ConversationRouter([rule], default_agent_id="a"), model)
    room.router.install(room.kit, room.agents)
    await room.open()
    assert await room.say("hello") == {"a": 1, "b": 0}
    assert [error["exception"] for error in room.errors] == ["KeyError"]


@pytest.mark.sim
async def test_12_a_router_that_is_too_slow_does_not_make_everybody_answer(model: Any) -> None:
    async def hang(room_id: str) -> Any:
        await asyncio.sleep(3600)

    room = Room(ConversationRouter(default_agent_id="a"), model)
    room.router.seed_state = hang
    room.kit.hook(HookTrigger.BEFORE_BROADCAST, execution=HookExecution.SYNC, timeout=0.05)(room.router.as_hook())
    await room.open()
    assert await room.say("hello") == {"a": 1, "b": 0}
    assert [error["exception"] for error in room.errors] == ["TimeoutError"] * 2
