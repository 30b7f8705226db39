"""Random sequences of handoffs: no conversation ever leaves the legal graph, and a refusal changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.channels.agent import Agent
from roomkit_sim.core.framework import RoomKit
from roomkit_sim.orchestration.decisions import HUMAN, Accepted, Surroundings, decide_handoff
from roomkit_sim.orchestration.graph import PipelineStage, StageGraph
from roomkit_sim.orchestration.handler import HandoffHandler
from roomkit_sim.orchestration.pipeline import ConversationPipeline
from roomkit_sim.orchestration.state import ConversationState, get_conversation_state
from roomkit_sim.providers.ai.mock import MockAIProvider

PHASES = ("p0", "p1", "p2", "p3", "p4")
AGENTS = ("a0", "a1", "a2", "a3")


@st.composite
def pipelines(draw: st.DrawFn) -> list[PipelineStage]:
    phases = PHASES[: draw(st.integers(1, len(PHASES)))]
    one = st.sampled_from(phases)
    return [
        PipelineStage(
            phase=phase,
            agent_id=draw(st.sampled_from(AGENTS)),
            next=draw(st.none() | one),
            can_return_to=draw(st.sets(one, max_size=3)),
        )
        for phase in phases
    ]


def tool_calls(callers: tuple[str, ...] = (*AGENTS, "in charge")) -> st.SearchStrategy[list[dict[str, Any]]]:
    """What models may write, sense and nonsense; the caller ``in charge`` is whoever is."""
    call = st.fixed_dictionaries(
        {
            "caller": st.sampled_from(callers),
            "target": st.sampled_from((*AGENTS, "alias", "nobody", "", None)),
            "reason": st.sampled_from(("", "because", None)),
            "summary": st.sampled_from(("", "so far", None)),
        },
        optional={
            "next_phase": st.sampled_from((*PHASES, "nowhere", None)),
            "channel_escalation": st.sampled_from(("same", "sms", "fax", None)),
        },
    )
    return st.lists(call, min_size=1, max_size=12)


def surroundings(graph: StageGraph) -> Surroundings:
    return Surroundings(agents=AGENTS, aliases={"alias": "a1"}, graph=graph, default_agent_id=graph.default_agent())


@given(stages=pipelines(), calls=tool_calls())
def test_every_accepted_handoff_follows_an_edge_of_the_graph_to_an_owner_of_its_phase(
    stages: list[PipelineStage], calls: list[dict[str, Any]]
) -> None:
    graph = StageGraph(stages)
    state = ConversationState(phase=graph.default_phase or "", active_agent_id=graph.default_agent())
    for call in calls:
        caller = state.active_agent_id if call["caller"] == "in charge" else call["caller"]
        decision = decide_handoff(call, caller or "", state, surroundings(graph))
        if isinstance(decision, Accepted):
            assert caller == state.active_agent_id
            assert decision.to_phase in graph.transitions()[state.phase]
            assert decision.to_agent in graph.owners(decision.to_phase)
            assert decision.to_agent != caller
            state = state.transition(decision.to_phase, decision.to_agent)


@given(stages=pipelines(), calls=tool_calls())
def test_a_decision_is_a_function_of_what_it_is_given(stages: list[PipelineStage], calls: list[dict[str, Any]]) -> None:
    graph = StageGraph(stages)
    state = ConversationState(phase=graph.default_phase or "", active_agent_id=graph.default_agent())
    untouched = state.model_copy(deep=True)
    for call in calls:
        caller = graph.default_agent() or ""
        first = decide_handoff(call, caller, state, surroundings(graph))
        assert first == decide_handoff(call, caller, state, surroundings(graph))
    assert state == untouched


@given(stages=pipelines(), calls=tool_calls())
def test_every_refusal_gives_a_reason(stages: list[PipelineStage], calls: list[dict[str, Any]]) -> None:
    graph = StageGraph(stages)
    state = ConversationState(phase=graph.default_phase or "", active_agent_id=graph.default_agent())
    for call in calls:
        decision = decide_handoff(call, call["caller"], state, surroundings(graph))
        assert isinstance(decision, Accepted) or len(decision.reason) > 10


@given(phase=st.sampled_from(PHASES), stages=pipelines())
def test_a_person_can_be_called_from_every_phase(phase: str, stages: list[PipelineStage]) -> None:
    graph = StageGraph(stages)
    state = ConversationState(phase=phase, active_agent_id="a0")
    assert isinstance(decide_handoff({"target": HUMAN}, "a0", state, surroundings(graph)), Accepted)


@settings(max_examples=40, deadline=None)
@given(stages=pipelines(), calls=tool_calls())
def test_state_history_timeline_and_results_agree_after_every_sequence(
    stages: list[PipelineStage], calls: list[dict[str, Any]]
) -> None:
    asyncio.run(_walk(stages, calls))


async def _walk(stages: list[PipelineStage], calls: list[dict[str, Any]]) -> None:
    kit, handler = await _room(stages)
    graph = StageGraph(stages)
    accepted = 0
    for call in calls:
        before = await handler.ensure_state("r")
        events = len(await kit.store.list_events("r", limit=500))
        caller = before.active_agent_id if call["caller"] == "in charge" else call["caller"]
        result = await handler.handle("r", caller or "", call)
        after = get_conversation_state(await kit.get_room("r"))
        added = len(await kit.store.list_events("r", limit=500)) - events
        if not result.accepted:
            assert after == before
            assert added == 0
            continue
        accepted += 1
        assert added == 1, "one notice"
        assert (after.active_agent_id, after.phase) == (result.new_agent_id, result.new_phase)
        assert after.phase in graph.transitions()[before.phase]
        assert after.active_agent_id in graph.owners(after.phase)
        assert after.phase_history[:-1] == before.phase_history
    final = get_conversation_state(await kit.get_room("r"))
    assert final.handoff_count == len(final.phase_history) == accepted


async def _room(stages: list[PipelineStage]) -> tuple[RoomKit, HandoffHandler]:
    kit = RoomKit()
    agents = [Agent(name, provider=MockAIProvider()) for name in AGENTS]
    _, handler = ConversationPipeline(stages).install(kit, agents, agent_aliases={"alias": "a1"})
    await kit.create_room("r")
    for agent in agents:
        kit.register_channel(agent)
        await kit.attach_channel("r", agent.channel_id)
    return kit, handler
