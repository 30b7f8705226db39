"""Conversation states, and their place in a room."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from roomkit_sim.models.room import Room
from roomkit_sim.orchestration.state import (
    ConversationPhase,
    ConversationState,
    PhaseTransition,
    get_conversation_state,
    has_conversation_state,
    set_conversation_state,
)


def test_a_new_conversation_is_in_intake_with_nobody() -> None:
    state = ConversationState()
    assert (state.phase, state.active_agent_id, state.handoff_count) == (ConversationPhase.INTAKE, None, 0)
    assert state.phase_started_at.utcoffset() == timedelta(0)


def test_a_transition_makes_a_new_state_and_leaves_the_old_one_alone() -> None:
    before = ConversationState(phase="a", active_agent_id="x", context={"language": "French"})
    untouched = before.model_copy(deep=True)
    after = before.transition("b", "y", "because", {"summary": "s"})
    after.context["language"] = "German"
    assert before == untouched
    assert (after.phase, after.active_agent_id, after.previous_agent_id, after.handoff_count) == ("b", "y", "x", 1)


def test_a_transition_is_recorded_with_both_ends_and_its_metadata() -> None:
    after = ConversationState(phase="a", active_agent_id="x").transition("b", "y", "because", {"summary": "s"})
    [record] = after.phase_history
    assert isinstance(record, PhaseTransition)
    assert (record.from_phase, record.to_phase, record.from_agent, record.to_agent) == ("a", "b", "x", "y")
    assert (record.reason, record.metadata, record.timestamp) == ("because", {"summary": "s"}, after.phase_started_at)


def test_a_change_of_phase_alone_is_no_handoff() -> None:
    after = ConversationState(phase="a", active_agent_id="x").transition("b", "x")
    assert after.handoff_count == 0
    assert len(after.phase_history) == 1


def test_a_transition_to_nobody_leaves_nobody_in_charge() -> None:
    after = ConversationState(phase="a", active_agent_id="x").transition("b")
    assert after.active_agent_id is None
    assert after.handoff_count == 1


def test_a_context_value_of_none_is_removed() -> None:
    state = ConversationState(context={"a": 1, "b": 2})
    assert state.with_context(a=None, c=3).context == {"b": 2, "c": 3}
    assert state.context == {"a": 1, "b": 2}


def test_a_room_keeps_its_state_as_plain_json_beside_other_metadata() -> None:
    state = ConversationState(phase="a", active_agent_id="x").transition("b", "y")
    room = Room(id="r", metadata={"own": 1})
    changed = set_conversation_state(room, state)
    assert get_conversation_state(changed) == state
    assert changed.metadata["own"] == 1
    assert isinstance(changed.metadata["_conversation_state"]["phase_started_at"], str)
    assert not has_conversation_state(room)


def test_a_room_without_state_gives_a_fresh_one_each_time() -> None:
    room = Room(id="r")
    get_conversation_state(room).context["leak"] = 1
    assert get_conversation_state(room).context == {}


def test_garbage_in_place_of_a_state_is_an_error() -> None:
    with pytest.raises(ValidationError):
        get_conversation_state(Room(id="r", metadata={"_conversation_state": {"handoff_count": "many"}}))
