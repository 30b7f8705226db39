"""The faults that the runtime must not have, continued: routing, wiring, targets, context, escalation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.channels.agent import Agent
from roomkit_sim.channels.transport import TransportChannel
from roomkit_sim.channels.websocket import WebSocketChannel
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import ConfigurationError
from roomkit_sim.memory.sliding_window import SlidingWindowMemory
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelType, EventType, HookExecution, HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.orchestration.handoff import HandoffMemoryProvider
from roomkit_sim.orchestration.pipeline import ConversationPipeline, PipelineStage
from roomkit_sim.orchestration.router import ConversationRouter, RoutingConditions, RoutingRule
from roomkit_sim.voice.realtime.events import RealtimeToolCallEvent

Build = Callable[..., Any]
WEATHER = {"name": "weather", "description": "", "parameters": {}}


# 8. Routing fails closed


def _raise(*_: Any) -> bool:
    raise ZeroDivisionError("a rule with a bug")


@pytest.fixture
def two_agents(model: Any, observe: Any) -> Callable[..., Any]:
    async def build(router: ConversationRouter, **hook: Any) -> Any:
        kit = RoomKit()
        observed = observe(kit)
        kit.hook(HookTrigger.BEFORE_BROADCAST, execution=HookExecution.SYNC, priority=-100, **hook)(router.as_hook())
        models = {name: model(name) for name in ("a", "b")}
        agents = [Agent(name, provider=models[name]) for name in models]
        kit.register_channel(WebSocketChannel("chat"))
        await kit.create_room("r")
        await kit.attach_channel("r", "chat")
        for agent in agents:
            kit.register_channel(agent)
            await kit.attach_channel("r", agent.channel_id)
        message = InboundMessage(channel_id="chat", sender_id="person", content=TextContent(body="hello"))
        await kit.process_inbound(message, room_id="r")
        return {name: len(models[name].calls) for name in models}, observed

    return build


async def test_a_rule_that_raises_leads_to_the_default_agent_and_is_reported(two_agents: Build) -> None:
    rule = RoutingRule(agent_id="b", conditions=RoutingConditions(custom=_raise))
    calls, observed = await two_agents(ConversationRouter([rule], default_agent_id="a"))
    assert calls == {"a": 1, "b": 0}
    assert observed.of("error")[0]["exception"] == "ZeroDivisionError"


async def test_a_rule_that_raises_makes_nobody_answer_where_there_is_no_default(two_agents: Build) -> None:
    rule = RoutingRule(agent_id="b", conditions=RoutingConditions(custom=_raise))
    calls, _ = await two_agents(ConversationRouter([rule]))
    assert calls == {"a": 0, "b": 0}


async def test_a_router_hook_that_times_out_leads_to_the_default_agent(two_agents: Build) -> None:
    router = ConversationRouter(default_agent_id="a")

    async def hang(room_id: str) -> Any:
        await asyncio.Event().wait()

    router.seed_state = hang
    calls, observed = await two_agents(router, timeout=0.0)
    assert calls == {"a": 1, "b": 0}
    assert observed.of("error")[0]["exception"] == "TimeoutError"


async def test_agents_are_attached_as_intelligences_so_that_one_message_has_one_answer(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("hello")
    assert desk.calls() == {"triage": 1, "advisor": 0, "closer": 0}
    assert desk.spoken() == [("triage", "triage answers")]


# 9. install() checks


async def test_install_before_the_voice_channel_is_registered_is_an_error_and_changes_nothing(
    stages: tuple[PipelineStage, ...],
) -> None:
    kit = RoomKit()
    agents = [Agent("triage"), Agent("advisor"), Agent("closer")]
    with pytest.raises(ConfigurationError, match=r"'voice' is not registered.*register_channel"):
        ConversationPipeline(stages).install(kit, agents, voice_channel_id="voice")
    assert all(agent.extra_tools == [] for agent in agents)
    assert kit.hook_engine.hooks_for("any", HookTrigger.BEFORE_BROADCAST) == []


async def test_install_twice_is_an_error_and_adds_no_second_hook(
    text_desk: Build, stages: tuple[PipelineStage, ...]
) -> None:
    desk = await text_desk()
    with pytest.raises(ConfigurationError, match="installed on this kit already"):
        ConversationPipeline(stages).install(desk.kit, list(desk.agents.values()))
    assert len(desk.kit.hook_engine.hooks_for("any", HookTrigger.BEFORE_BROADCAST)) == 1
    assert [len(agent.extra_tools) for agent in desk.agents.values()] == [1, 1, 0]


async def test_install_on_a_voice_channel_that_has_a_pipeline_is_an_error(
    voice_desk: Build, stages: tuple[PipelineStage, ...]
) -> None:
    desk = await voice_desk()
    other = RoomKit()
    other.register_channel(desk.voice)
    handler = desk.voice.tool_handler
    with pytest.raises(ConfigurationError, match="channel 'voice' already"):
        ConversationPipeline(stages).install(other, list(desk.agents.values()), voice_channel_id="voice")
    assert desk.voice.tool_handler is handler


async def test_install_without_an_agent_of_a_stage_is_an_error_that_names_it(
    stages: tuple[PipelineStage, ...],
) -> None:
    kit = RoomKit()
    with pytest.raises(ConfigurationError, match="advisor, closer"):
        ConversationPipeline(stages).install(kit, [Agent("triage")])
    assert kit.hook_engine.hooks_for("any", HookTrigger.BEFORE_BROADCAST) == []


async def test_install_of_a_pipeline_without_stages_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="no stages"):
        ConversationPipeline([]).install(RoomKit(), [])


async def test_install_with_a_channel_that_is_no_realtime_voice_channel_is_an_error(text_desk: Build) -> None:
    desk = await text_desk()
    stage = PipelineStage(phase="p", agent_id="x")
    kit = RoomKit()
    kit.register_channel(desk.kit.channels["chat"])
    with pytest.raises(ConfigurationError, match="WebSocketChannel, neither a RealtimeVoiceChannel nor a VoiceChannel"):
        ConversationPipeline([stage]).install(kit, [Agent("x")], voice_channel_id="chat")


# 10. handle() checks


async def test_a_refused_handoff_changes_nothing_and_says_why(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "advisor")
    before, events = await desk.state(), len(await desk.timeline())
    for caller, target, more, why in (
        ("triage", "closer", {}, "not in charge"),
        ("advisor", "advisor", {}, "with you already"),
        ("advisor", "chat", {}, "not found in room"),
        ("advisor", "closer", {"next_phase": "triage"}, "does not belong"),
        ("advisor", None, {}, "'target' is missing"),
        ("advisor", "closer", {"channel_escalation": "fax"}, "unknown channel_escalation"),
    ):
        result = await desk.handle(caller, target, **more)
        assert not result.accepted
        assert why in result.reason
    assert await desk.state() == before
    assert len(await desk.timeline()) == events
    assert desk.observed.hook_names[2:] == ["on_handoff_rejected"] * 6


async def test_a_late_call_of_a_replaced_voice_agent_does_not_count_as_its_successors(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    first = await desk.begin_tool_call(session, "advisor")
    second = await desk.begin_tool_call(session, "closer")
    await desk.settle()
    assert desk.told(first)["accepted"]
    assert not desk.told(second)["accepted"], "closer follows advisor, not triage, whose model made this call"
    assert "'triage' is not in charge" in desk.told(second)["reason"]
    assert (await desk.state()).active_agent_id == "advisor"


async def test_a_notice_that_cannot_be_sent_does_not_leave_a_moved_state_behind(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.say("hello")
    before = await desk.state()
    await desk.kit.detach_channel("call-1", "triage")
    result = await desk.handle("triage", "advisor")
    assert not result.accepted
    assert "could not be announced" in result.reason
    assert await desk.state() == before
    assert desk.observed.hook_names == ["on_handoff_rejected"]


async def test_check_state_change_and_notice_are_one_step_under_the_lock(text_desk: Build) -> None:
    desk = await text_desk()
    held: list[bool] = []
    send, update = desk.kit.send_event, desk.kit.store.update_room

    def is_held() -> bool:
        return bool(desk.kit.lock_manager._locks["call-1"].locked())

    async def watched_send(**arguments: Any) -> Any:
        held.append(is_held())
        return await send(**arguments)

    async def watched_update(room: Any) -> Any:
        held.append(is_held())
        return await update(room)

    desk.kit.send_event, desk.kit.store.update_room = watched_send, watched_update
    await desk.handle("triage", "advisor")
    assert held == [True, True, True], "seeded, moved, announced"


# 11. Targets


async def test_an_alias_is_resolved_everywhere_it_shows(voice_desk: Build) -> None:
    agents = [Agent("triage"), Agent("advisor", role="Advisor", language="French"), Agent("closer")]
    desk = await voice_desk(agents=agents, agent_aliases={"the expert": "advisor"}, greet_on_handoff=True)
    told = await desk.tool_call(await desk.call(), "the expert")
    [(_, cue, _)] = desk.provider.injected_texts
    assert told["new_agent_id"] == "advisor"
    assert cue.startswith("[Respond in French] ")
    assert "You are now the Advisor." in cue
    assert desk.observed.of("handoff_decided")[0]["to_agent"] == "advisor"
    assert desk.observed.hooks[0][1].metadata["to_agent"] == "advisor"


async def test_an_agent_in_two_stages_keeps_the_targets_of_both(text_desk: Build) -> None:
    stages = [
        PipelineStage(phase="open", agent_id="triage", next="work"),
        PipelineStage(phase="work", agent_id="advisor", next="wrap-up"),
        PipelineStage(phase="wrap-up", agent_id="triage", next="survey"),
        PipelineStage(phase="survey", agent_id="closer"),
    ]
    desk = await text_desk(stages=stages)
    [tool] = desk.agents["triage"].extra_tools
    assert tool.parameters["properties"]["target"]["enum"] == ["advisor", "closer"]
    assert (await desk.handle("triage", "advisor")).new_phase == "work"
    assert (await desk.handle("advisor", "triage")).new_phase == "wrap-up"
    assert (await desk.handle("triage", "closer")).new_phase == "survey"


async def test_the_agent_of_a_terminal_stage_has_no_handoff_tool(text_desk: Build) -> None:
    desk = await text_desk()
    assert desk.agents["closer"].extra_tools == []


async def test_the_agent_of_a_terminal_stage_may_call_a_person_where_that_is_enabled(text_desk: Build) -> None:
    desk = await text_desk(human_handoff=True)
    enums = [agent.extra_tools[0].parameters["properties"]["target"]["enum"] for agent in desk.agents.values()]
    assert enums == [["advisor", "human"], ["closer", "triage", "human"], ["human"]]


# 12. Context ends


def remembering(model: Any, *names: str) -> list[Agent]:
    return [Agent(name, provider=model(name), memory=HandoffMemoryProvider(SlidingWindowMemory())) for name in names]


def prompt_text(context: Any) -> str:
    return "\n".join(str(message.content) for message in context.messages)


async def test_the_summary_reaches_the_receiving_agent_until_it_has_answered(text_desk: Build, model: Any) -> None:
    desk = await text_desk(agents=remembering(model, "triage", "advisor", "closer"))
    await desk.handle("triage", "advisor")
    await desk.say("first")
    await desk.say("second")
    first, second = (prompt_text(call) for call in desk.model("advisor").calls)
    assert "summary of triage" in first
    assert "Handed over by triage" in first
    assert "summary of triage" not in second


async def test_the_summary_does_not_haunt_the_agent_that_gets_the_conversation_back(
    text_desk: Build, model: Any
) -> None:
    desk = await text_desk(agents=remembering(model, "triage", "advisor", "closer"))
    await desk.handle("triage", "advisor")
    await desk.say("first")
    await desk.handle("advisor", "triage")
    await desk.say("second")
    [call] = desk.model("triage").calls
    assert "summary of advisor" in prompt_text(call)
    assert "summary of triage" not in prompt_text(call)


async def test_handoff_notices_and_greeting_cues_do_not_enter_prompts(text_desk: Build) -> None:
    agents_greeting = "Welcome the person warmly"
    desk = await text_desk()
    desk.handler.greeting_map["advisor"] = agents_greeting
    await desk.handle("triage", "advisor")
    await desk.handler.send_greeting("call-1", channel_id="chat")
    await desk.say("hello")
    later = prompt_text(desk.model("advisor").calls[-1])
    assert "[Handoff:" not in later
    assert agents_greeting not in later
    cue = next(event for event in await desk.timeline() if event.content.body == agents_greeting)
    assert cue.metadata["greeting_cue"]
    assert cue.source.participant_id == "system"


async def test_a_handoff_notice_wakes_no_agent(text_desk: Build) -> None:
    desk = await text_desk()
    await desk.handle("triage", "advisor")
    assert desk.calls() == {"triage": 0, "advisor": 0, "closer": 0}
    [notice] = [event for event in await desk.timeline() if event.metadata.get("handoff")]
    assert (notice.type, notice.visibility) == (EventType.SYSTEM, "all")
    assert notice.content.body == "[Handoff: triage -> advisor] asked for it"
    assert notice.metadata == {
        "handoff": True,
        "from_agent": "triage",
        "to_agent": "advisor",
        "summary": "summary of triage",
        "_orchestration_internal": True,
    }


# 13. Escalation


async def test_an_escalation_goes_on_in_the_channel_that_it_names(text_desk: Build) -> None:
    sent: list[tuple[str, str]] = []

    async def send(address: str, text: str) -> None:
        sent.append((address, text))

    desk = await text_desk()
    desk.kit.register_channel(TransportChannel("texts", ChannelType.SMS, send=send))
    await desk.kit.attach_channel("call-1", "texts", metadata={"address": "+1555"})
    result = await desk.handle("triage", "advisor", channel_escalation="sms")
    assert result.accepted
    assert sent == [("+1555", "Your conversation continues here.")]
    await desk.say("hello")
    assert sent[-1] == ("+1555", "advisor answers")
    assert ("advisor", "advisor answers") not in desk.spoken()


async def test_an_escalation_without_such_a_channel_is_refused(text_desk: Build) -> None:
    desk = await text_desk()
    result = await desk.handle("triage", "advisor", channel_escalation="sms")
    assert not result.accepted
    assert "no sms channel" in result.reason


# 14. Tool handlers of both shapes


@pytest.mark.parametrize("with_session", [True, False])
async def test_the_applications_tool_handler_keeps_its_shape_beside_the_handoff_tool(
    voice_desk: Build, with_session: bool
) -> None:
    seen: list[tuple[Any, ...]] = []

    async def short(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        seen.append((name, arguments))
        return {"sunny": True}

    async def long(session: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        seen.append((session.id, name, arguments))
        return {"sunny": True}

    desk = await voice_desk(channel={"tools": [WEATHER], "tool_handler": long if with_session else short})
    session = await desk.call()
    await desk.provider.simulate_tool_call(session, "c1", "weather", {"city": "Rome"})
    await desk.settle()
    assert desk.provider.tool_results == [(session.id, "c1", '{"sunny": true}')]
    assert seen == [(session.id, "weather", {"city": "Rome"}) if with_session else ("weather", {"city": "Rome"})]


@pytest.mark.parametrize(
    ("answer", "told"),
    [("allow", '{"sunny": true}'), ("block", '{"error": "not today"}'), ("raise", "there is no tool 'weather'")],
)
async def test_hooks_answer_the_tools_for_which_there_is_no_handler_beside_the_handoff_tool(
    voice_desk: Build, answer: str, told: str
) -> None:
    desk = await voice_desk(channel={"tools": [WEATHER]})
    asked: list[tuple[str, dict[str, Any]]] = []

    @desk.kit.hook(HookTrigger.ON_REALTIME_TOOL_CALL)
    async def weather(event: RealtimeToolCallEvent, context: Any) -> HookResult:
        asked.append((event.name, event.arguments))
        if answer == "raise":
            raise LookupError("no forecast")
        if answer == "block":
            return HookResult.block("not today")
        event.metadata["result"] = {"sunny": True}
        return HookResult.modify(event)

    session = await desk.call()
    await desk.provider.simulate_tool_call(session, "c1", "weather", {"city": "Rome"})
    await desk.settle()
    [(_, _, result)] = desk.provider.tool_results
    assert told in result
    assert asked == [("weather", {"city": "Rome"})]


async def test_words_that_no_encoding_can_carry_do_not_break_a_handoff(voice_desk: Build) -> None:
    desk = await voice_desk(greet_on_handoff=True)
    session = await desk.call()
    told = await desk.tool_call(session, "advisor", summary="half \ud83d a sign", reason="\x00\udfff")
    assert told.get("accepted"), told
    [(_, cue, _)] = desk.provider.injected_texts
    assert "[Summary from triage: half  a sign]" in cue
    assert (await desk.timeline())[-1].content.body == "[Handoff: triage -> advisor] "


async def test_a_target_that_no_encoding_can_carry_is_refused_like_any_unknown_one(voice_desk: Build) -> None:
    desk = await voice_desk()
    told = await desk.tool_call(await desk.call(), "nobo\ud800dy")
    assert "'nobody' not found in room" in told["reason"]
    assert desk.observed.of("handoff_requested")[0]["target"] == "nobody"
