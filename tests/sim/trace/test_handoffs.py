"""Handoffs and their stages, read from traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from roomkit_sim.sim.trace.handoff_stages import STAGES
from roomkit_sim.sim.trace.handoffs import Handoff, handoffs

if TYPE_CHECKING:
    from conftest import Story

Begin = Callable[[], "Story"]
WHOLE_MS = {
    "H0": 1000,
    "H1": 1500,
    "H2": 2000,
    "H3": 2020,
    "H4": 2030,
    "H5": 1900,
    "H6": 2200,
    "H7": 2300,
    "H8": 2500,
    "H9": 2500,
    "H10": 3000,
    "H11": 3100,
}


def only(story: Story) -> Handoff:
    [handoff] = handoffs(story.record())
    return handoff


def stages_ms(handoff: Handoff) -> dict[str, float]:
    return {stage: at / 1e6 for stage, at in handoff.stages.items()}


def test_every_stage_of_a_whole_handoff_is_found(story: Begin) -> None:
    handoff = only(story().handoff())
    assert stages_ms(handoff) == WHOLE_MS
    assert list(handoff.stages) == list(STAGES)


def test_a_handoff_says_who_and_from_where_to_where(story: Begin) -> None:
    handoff = only(story().handoff())
    assert (handoff.n, handoff.from_agent, handoff.to_agent, handoff.target) == (
        1,
        "agent-triage",
        "agent-advisor",
        "agent-advisor",
    )
    assert (handoff.accepted, handoff.from_phase, handoff.to_phase) == (True, "triage", "advising")
    assert (handoff.old_conn, handoff.new_conn) == (1, 2)
    assert handoff.completed


@pytest.mark.parametrize(
    ("event", "data", "missing"),
    [
        ("caller.speech_end", {}, {"H0"}),
        ("server.turn_committed", {}, {"H1"}),
        ("runtime.state", {}, {"H4", "H11"}),
        ("wire.close", {}, {"H6"}),
        ("wire.open", {}, {"H7"}),
        ("server.resumed", {}, {"H9"}),
        ("server.audio_started", {}, {"H10"}),
        ("line.agent_voice", {"agent": "agent-triage"}, {"H5"}),
        ("line.agent_voice", {"agent": "agent-advisor"}, {"H11"}),
        ("wire.received", {}, {"H8", "H9"}),
    ],
)
def test_a_stage_that_did_not_happen_is_missing_and_nothing_is_put_in_its_place(
    story: Begin, event: str, data: dict[str, Any], missing: set[str]
) -> None:
    stages = stages_ms(only(story().handoff().without(event, **data)))
    assert stages == {stage: at for stage, at in WHOLE_MS.items() if stage not in missing}


def test_a_refused_handoff_has_no_stages_after_the_decision(story: Begin) -> None:
    refused = (
        story()
        .said("ask", 100, 1000)
        .at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "agent-legal"})
        .at(2010, "runtime.handoff_requested", from_="agent-triage", target="agent-legal")
        .at(
            2020,
            "runtime.handoff_decided",
            accepted=False,
            reason="not allowed",
            from_="agent-triage",
            to="agent-legal",
        )
        .at(2500, "server.audio_started", conn=1)
        .voice(2600, 3000, "agent-triage")
    )
    handoff = only(refused)
    assert (handoff.accepted, handoff.reason, handoff.completed) == (False, "not allowed", False)
    assert set(handoff.stages) == {"H0", "H1", "H2", "H3"}


def test_a_call_that_the_runtime_never_decided_is_a_handoff_without_a_decision(story: Begin) -> None:
    handoff = only(story().at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "x"}))
    assert (handoff.accepted, handoff.target, handoff.to_agent, handoff.completed) == (None, "x", "x", False)
    assert set(handoff.stages) == {"H2"}


def test_calls_of_other_tools_are_no_handoffs(story: Begin) -> None:
    assert handoffs(story().at(2000, "server.tool_call", conn=1, name="note", args={}).record()) == ()


def test_a_handoff_that_was_not_asked_for_on_the_wire_counts_too(story: Begin) -> None:
    handoff = only(story().handoff().without("server.tool_call"))
    assert (handoff.accepted, handoff.old_conn) == (True, None)
    assert "H2" not in handoff.stages
    assert handoff.stages["H3"] == 2020 * 10**6


def test_a_decision_alone_is_a_handoff(story: Begin) -> None:
    handoff = only(story().at(5, "runtime.handoff_decided", accepted=False, reason="no", from_="a", to="b"))
    assert (handoff.from_agent, handoff.to_agent, handoff.accepted) == ("a", "b", False)


def test_history_that_is_sent_again_is_the_context(story: Begin) -> None:
    seeded = (
        story()
        .handoff()
        .without("server.resumed")
        .at(2600, "wire.sent", conn=2, frame="client_content", json={"client_content": {"turnComplete": False}})
    )
    assert stages_ms(only(seeded))["H9"] == 2600


@pytest.mark.parametrize("message", [{"client_content": {"turnComplete": True}}, {"client_content": {}}, None, []])
def test_a_request_to_speak_is_no_context(story: Begin, message: Any) -> None:
    asked = (
        story().handoff().without("server.resumed").at(2600, "wire.sent", conn=2, frame="client_content", json=message)
    )
    assert "H9" not in only(asked).stages


def told_again(story: Story, *messages: Any) -> Story:
    """Nothing was resumed; the client sent this on the new connection, 10 ms apart from 2600 ms on."""
    told = story.handoff().without("server.resumed")
    for number, message in enumerate(messages):
        told.at(2600 + 10 * number, "wire.sent", conn=2, frame=message["type"], json=message)
    return told


ITEM = {"type": "conversation.item.create", "item": {"type": "message", "role": "user"}}
ASK = {"type": "response.create"}


def test_history_that_is_told_item_by_item_is_the_context_when_the_last_one_is_told(story: Begin) -> None:
    assert stages_ms(only(told_again(story(), ITEM, ITEM, ITEM)))["H9"] == 2620


def test_the_words_that_are_to_be_answered_are_no_history(story: Begin) -> None:
    assert stages_ms(only(told_again(story(), ITEM, ITEM, ITEM, ASK)))["H9"] == 2610
    assert "H9" not in only(told_again(story(), ITEM, ASK)).stages


def test_a_session_that_is_configured_anew_has_its_context_at_once(story: Begin) -> None:
    kept = (
        story()
        .at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "agent-advisor"})
        .at(2020, "runtime.handoff_decided", accepted=True, from_="agent-triage", to="agent-advisor")
        .at(2030, "runtime.state", phase="advising", agent="agent-advisor", why="handoff")
        .at(2040, "server.persona", conn=1, name="advisor", agent="agent-advisor", voice="Kore")
        .at(2100, "wire.received", conn=1, frame="session.updated")
        .at(2900, "server.audio_started", conn=1)
    )
    found = stages_ms(only(kept))
    assert {stage: found.get(stage) for stage in ("H6", "H7", "H8", "H9", "H10")} == {
        "H6": None, "H7": None, "H8": 2100, "H9": 2100, "H10": 2900
    }  # fmt: skip


def test_the_end_of_the_call_is_no_end_of_a_session_that_was_configured_anew(story: Begin) -> None:
    told = story().said("ask", 100, 1000).at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={})
    told = told.at(2020, "runtime.handoff_decided", accepted=True, from_="agent-triage", to="agent-advisor")
    told = told.at(2030, "runtime.state", phase="advising", agent="agent-advisor", why="handoff")
    configured = told.at(2100, "wire.received", conn=1, frame="session.updated")
    assert "H6" not in only(configured.at(9000, "wire.close", conn=1, code=1000, by="client")).stages


def test_a_connection_that_closed_and_had_no_other_after_it_has_ended(story: Begin) -> None:
    told = story().said("ask", 100, 1000).at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={})
    told = told.at(2020, "runtime.handoff_decided", accepted=True, from_="agent-triage", to="agent-advisor")
    told = told.at(2030, "runtime.state", phase="advising", agent="agent-advisor", why="handoff")
    assert stages_ms(only(told.at(2200, "wire.close", conn=1, code=1011, by="server")))["H6"] == 2200


def test_a_handoff_without_a_reconnect_has_the_first_voice_after_the_new_configuration(story: Begin) -> None:
    kept = (
        story()
        .said("ask", 100, 1000)
        .at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "agent-advisor"})
        .at(2020, "runtime.handoff_decided", accepted=True, from_="agent-triage", to="agent-advisor")
        .at(2030, "runtime.state", phase="advising", agent="agent-advisor", why="handoff")
        .at(2035, "server.audio_started", conn=1)
        .at(2040, "server.persona", conn=1, name="advisor", agent="agent-advisor", voice="Kore")
        .at(2900, "server.audio_started", conn=1)
        .voice(3000, 4000, "agent-advisor")
    )
    handoff = only(kept)
    assert stages_ms(handoff) == {
        "H0": 1000, "H1": 1500, "H2": 2000, "H3": 2020, "H4": 2030, "H10": 2900, "H11": 3000
    }  # fmt: skip
    assert handoff.new_conn is None


def test_the_new_connection_is_the_one_that_was_set_up_when_an_earlier_try_failed(story: Begin) -> None:
    retried = (
        story().handoff().at(2205, "wire.dial", conn=9).at(2206, "wire.open", conn=9).at(2208, "wire.close", conn=9)
    )
    handoff = only(retried)
    assert handoff.new_conn == 2
    assert stages_ms(handoff)["H7"] == 2300


def test_an_old_agent_that_goes_on_talking_ends_at_the_latest_when_the_new_one_begins(story: Begin) -> None:
    handoff = only(story().handoff().voice(2000, 5000, "agent-triage"))
    assert handoff.stages["H5"] == handoff.stages["H11"]


def test_where_agents_share_a_voice_it_counts_from_the_new_agents_first_audio_on(story: Begin) -> None:
    shared = (
        story()
        .handoff()
        .without("line.agent_voice")
        .at(0, "server.persona", conn=1, name="triage", agent="agent-triage", voice="Puck")
        .voice(2050, 2400, None, "Puck")
        .voice(3100, 4000, None, "Puck")
    )
    assert stages_ms(only(shared))["H11"] == 3100


def test_two_handoffs_have_a_part_of_the_trace_each(story: Begin) -> None:
    told = story().handoff(1000).handoff(5000, old=2, new=3, to="agent-legal").record()
    first, second = handoffs(told)
    assert (first.n, first.to_agent, second.n, second.to_agent) == (1, "agent-advisor", 2, "agent-legal")
    assert stages_ms(first) == WHOLE_MS
    assert stages_ms(second) == {stage: at + 4000 for stage, at in WHOLE_MS.items()}
    assert first.until_seq == second.seq


def test_a_handoff_that_got_stuck_takes_no_stage_from_the_next_one(story: Begin) -> None:
    stuck = (
        story()
        .said("ask", 100, 1000)
        .at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "agent-advisor"})
        .at(2020, "runtime.handoff_decided", accepted=True, from_="agent-triage", to="agent-advisor")
    )
    first, second = handoffs(stuck.handoff(4000).record())
    assert set(first.stages) == {"H0", "H1", "H2", "H3", "H5"}, "and the old agent went on talking"
    assert not first.completed
    assert second.completed


def test_a_refusal_does_not_end_the_handoff_before_it(story: Begin) -> None:
    told = (
        story()
        .handoff()
        .at(2550, "server.tool_call", conn=2, name="handoff_conversation", args={"target": "nobody"})
        .at(2560, "runtime.handoff_requested", from_="agent-advisor", target="nobody")
        .at(2570, "runtime.handoff_decided", accepted=False, reason="unknown", from_="agent-advisor", to="nobody")
    )
    first, second = handoffs(told.record())
    assert stages_ms(first) == WHOLE_MS
    assert (second.accepted, second.completed) == (False, False)


def test_two_calls_at_once_are_matched_with_their_decisions_by_target(story: Begin) -> None:
    told = (
        story()
        .at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "b"})
        .at(2000, "server.tool_call", conn=1, name="handoff_conversation", args={"target": "c"})
        .at(2010, "runtime.handoff_requested", from_="a", target="c")
        .at(2020, "runtime.handoff_decided", accepted=False, reason="no", from_="a", to="c")
        .at(2030, "runtime.handoff_requested", from_="a", target="b")
        .at(2040, "runtime.handoff_decided", accepted=True, reason="", from_="a", to="b")
    )
    found = [(handoff.target, handoff.to_agent, handoff.accepted) for handoff in handoffs(told.record())]
    assert found == [("b", "b", True), ("c", "c", False)]


def test_what_the_caller_said_meanwhile_is_not_what_was_asked_for(story: Begin) -> None:
    handoff = only(story().handoff().said("thanks", 1550, 1950, conn=None))
    assert stages_ms(handoff)["H0"] == 1000
