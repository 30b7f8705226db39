"""Pipelines: what follows from the stages, and what install() wires."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from roomkit_sim.channels.agent import Agent
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.errors import PipelineError, ProviderError
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.orchestration.pipeline import ConversationPipeline, PipelineStage
from roomkit_sim.orchestration.router import RoutingConditions, RoutingRule
from roomkit_sim.providers.ai.mock import MockAIProvider

Build = Callable[..., Any]


def target_of(tool: Any) -> dict[str, Any]:
    parameters = tool["parameters"] if isinstance(tool, dict) else tool.parameters
    target: dict[str, Any] = parameters["properties"]["target"]
    return target


def test_the_stages_are_a_copy(stages: tuple[PipelineStage, ...]) -> None:
    pipeline = ConversationPipeline(stages)
    pipeline.stages.clear()
    assert pipeline.stages == list(stages)


def test_a_stage_that_leads_nowhere_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not a valid phase"):
        ConversationPipeline([PipelineStage(phase="a", agent_id="x", next="b")])


def test_phase_map_and_transitions_follow_from_the_stages(stages: tuple[PipelineStage, ...]) -> None:
    pipeline = ConversationPipeline(stages)
    assert pipeline.get_phase_map() == {"triage": "triage", "advisor": "advising", "closer": "closing"}
    assert pipeline.get_allowed_transitions() == {
        "triage": {"advising"},
        "advising": {"closing", "triage"},
        "closing": set(),
    }


def test_the_router_has_a_rule_for_each_stage_in_order(stages: tuple[PipelineStage, ...]) -> None:
    router = ConversationPipeline(stages, default_phase="advising", supervisor_id="boss").to_router()
    assert [(rule.agent_id, rule.conditions.phases, rule.priority) for rule in router.rules] == [
        ("triage", {"triage"}, 0),
        ("advisor", {"advising"}, 1),
        ("closer", {"closing"}, 2),
    ]
    assert (router.default_agent_id, router.supervisor_id) == ("advisor", "boss")


def test_an_unknown_default_phase_is_found_at_install(stages: tuple[PipelineStage, ...]) -> None:
    pipeline = ConversationPipeline(stages, default_phase="nowhere")
    with pytest.raises(PipelineError, match=r"'nowhere' is not a valid phase.*triage, advising, closing"):
        pipeline.install(RoomKit(), [Agent("triage"), Agent("advisor"), Agent("closer")])


def test_two_agents_of_one_id_are_an_error_before_anything_is_changed() -> None:
    kit, first, second = RoomKit(), Agent("x"), Agent("x")
    pipeline = ConversationPipeline([PipelineStage(phase="p", agent_id="x")])
    with pytest.raises(PipelineError, match="two agents of one id"):
        pipeline.install(kit, [first, second])
    assert kit.hook_engine.hooks_for("r", HookTrigger.BEFORE_BROADCAST) == []


def test_greeting_on_handoff_needs_a_voice_channel(stages: tuple[PipelineStage, ...]) -> None:
    with pytest.raises(ValueError, match="voice_channel_id"):
        ConversationPipeline(stages).install(RoomKit(), [], greet_on_handoff=True)


async def test_each_text_agent_can_name_only_whom_it_can_reach(text_desk: Build) -> None:
    desk = await text_desk()
    enums = {name: [target_of(tool)["enum"] for tool in agent.extra_tools] for name, agent in desk.agents.items()}
    assert enums == {"triage": [["advisor"]], "advisor": [["closer", "triage"]], "closer": []}


async def test_targets_are_described_by_their_agent_else_by_their_stage(text_desk: Build, model: Any) -> None:
    stages = [
        PipelineStage(phase="a", agent_id="x", next="b", can_return_to={"c"}),
        PipelineStage(phase="b", agent_id="y", description="of the stage"),
        PipelineStage(phase="c", agent_id="z", description="of the stage too"),
    ]
    described_as = {"x": None, "y": "of the agent", "z": None}
    agents = [Agent(name, provider=MockAIProvider(), description=text) for name, text in described_as.items()]
    desk = await text_desk(stages=stages, agents=agents)
    described = target_of(desk.agents["x"].extra_tools[0])["description"]
    assert "- y: of the agent" in described
    assert "- z: of the stage too" in described


async def test_neither_people_nor_aliases_are_offered_unless_asked_for(text_desk: Build) -> None:
    desk = await text_desk(agent_aliases={"expert": "advisor"})
    assert target_of(desk.agents["triage"].extra_tools[0])["enum"] == ["advisor"]
    assert (await desk.handle("triage", "expert")).accepted


async def test_the_routing_hook_has_the_given_priority(text_desk: Build) -> None:
    desk = await text_desk(hook_priority=-7)
    [hook] = desk.kit.hook_engine.hooks_for("call-1", HookTrigger.BEFORE_BROADCAST)
    assert hook.priority == -7


async def test_voice_agents_are_no_channels_and_keep_their_own_tool_lists(voice_desk: Build) -> None:
    desk = await voice_desk()
    assert list(desk.kit.channels) == ["voice"]
    assert [agent.extra_tools for agent in desk.agents.values()] == [[], [], []]


async def test_each_voice_agent_can_name_only_whom_it_can_reach(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    [tool] = desk.voice.session_config(session).tools
    assert target_of(tool)["enum"] == ["advisor"]
    await desk.tool_call(session, "advisor")
    [tool] = desk.voice.session_config(session).tools
    assert target_of(tool)["enum"] == ["closer", "triage"]
    await desk.tool_call(session, "closer")
    assert desk.voice.session_config(session).tools == ()


async def test_install_leaves_the_voice_channels_own_configuration_alone(voice_desk: Build) -> None:
    desk = await voice_desk(channel={"system_prompt": "House rules.", "voice": "Puck"})
    await desk.tool_call(await desk.call(), "advisor")
    assert (desk.voice.base_config.system_prompt, desk.voice.base_config.voice) == ("House rules.", "Puck")
    assert desk.voice.base_config.tools is None


async def test_a_session_starts_with_the_agent_of_the_default_phase(
    voice_desk: Build, stages: tuple[PipelineStage, ...]
) -> None:
    desk = await voice_desk(stages=[stages[1], stages[0], stages[2]])
    assert desk.config(await desk.call())[1] == "Voice of advisor"


async def test_settings_of_one_session_go_before_the_agents(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call(voice="Kore", system_prompt="Be brief.")
    assert desk.config(session)[:2] == ("Be brief.", "Kore")


async def test_a_tool_that_nobody_knows_is_an_error_that_names_it(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    await desk.provider.simulate_tool_call(session, "c1", "wether", {})
    await desk.settle()
    [(_, _, result)] = desk.provider.tool_results
    assert "'wether'" in result


async def test_after_a_handoff_with_greeting_the_new_agent_is_asked_to_speak_with_the_summary(
    voice_desk: Build,
) -> None:
    desk = await voice_desk(greet_on_handoff=True, greeting_prompt="Say hello.")
    session = await desk.call()
    await desk.tool_call(session, "advisor")
    assert desk.provider.injected_texts == [(session.id, "Say hello. [Summary from triage: wants bonds]", "user")]


async def test_without_greeting_the_new_agent_waits_for_the_caller(voice_desk: Build) -> None:
    desk = await voice_desk()
    await desk.tool_call(await desk.call(), "advisor")
    assert desk.provider.injected_texts == []


async def test_the_cue_to_speak_is_not_in_the_timeline(voice_desk: Build) -> None:
    desk = await voice_desk(greet_on_handoff=True)
    await desk.tool_call(await desk.call(), "advisor")
    bodies = [event.content.body for event in await desk.timeline()]
    assert not [body for body in bodies if "Introduce yourself" in body]


async def test_a_refused_voice_handoff_tells_the_model_why_and_touches_no_session(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    told = await desk.tool_call(session, "closer")
    assert (told["accepted"], told["new_agent_id"]) == (False, None)
    assert "is not allowed" in told["reason"]
    assert desk.provider.calls_of("reconfigure") == []
    assert desk.observed.routes == [("triage", "session_start")]


async def test_a_whole_pipeline_can_be_walked_forth_and_back(voice_desk: Build) -> None:
    desk = await voice_desk()
    session = await desk.call()
    for target in ("advisor", "triage", "advisor", "closer"):
        assert (await desk.tool_call(session, target))["accepted"]
    state = await desk.state()
    assert [record.to_agent for record in state.phase_history] == ["advisor", "triage", "advisor", "closer"]
    assert [route for route, _ in desk.observed.routes] == ["triage", "advisor", "triage", "advisor", "closer"]
    assert desk.config(session) == ("You are closer.", "Voice of closer", [])


async def test_a_handoff_without_a_live_session_waits_for_the_next_one(voice_desk: Build) -> None:
    desk = await voice_desk()
    assert (await desk.handle("triage", "advisor")).accepted
    assert desk.observed.routes == []
    assert desk.config(await desk.call())[1] == "Voice of advisor"
    assert desk.observed.routes == [("advisor", "session_start")]


async def test_a_failed_switch_to_a_second_session_takes_the_first_back_too(voice_desk: Build) -> None:
    outcomes = [False, True, True]

    def fail(method: str) -> Exception | None:
        return ProviderError("line down") if method == "reconfigure" and outcomes and outcomes.pop(0) else None

    desk = await voice_desk(fail=fail)
    first, second = await desk.call(), await desk.call()
    await desk.tool_call(first, "advisor")
    assert [desk.config(session)[1] for session in (first, second)] == ["Voice of triage"] * 2
    assert (await desk.state()).active_agent_id == "triage"
    assert (await desk.tool_call(first, "advisor"))["accepted"], "the first session's calls are triage's again"


@pytest.mark.parametrize(
    "make",
    [
        lambda: PipelineStage(phase="a", agent_id="x", nxt="b"),  # type: ignore[call-arg]
        lambda: RoutingRule(agent_id="x", prority=1),  # type: ignore[call-arg]
        lambda: RoutingConditions(phase={"a"}),  # type: ignore[call-arg]
    ],
    ids=["a stage that would be the last", "a rule that would not be first", "conditions that would always hold"],
)
def test_a_misspelt_setting_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        make()


async def test_agents_without_a_model_are_refused_where_no_speech_to_speech_session_speaks_for_them() -> None:
    kit, speaking = RoomKit(), Agent("y", provider=MockAIProvider())
    pipeline = ConversationPipeline(
        [PipelineStage(phase="a", agent_id="x", next="b"), PipelineStage(phase="b", agent_id="y")]
    )
    with pytest.raises(PipelineError, match=r"have no provider: x.*voice_channel_id"):
        pipeline.install(kit, [Agent("x"), speaking])
    pipeline.install(kit, [Agent("x", provider=MockAIProvider()), speaking])
