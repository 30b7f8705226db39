from __future__ import annotations

from typing import Any

import pytest


def test_two_voices_at_once_are_found_with_their_names(good_call: Any) -> None:
    good_call.voice(10, None, 0.2, mixed=["agent-a", "agent-b"])
    (finding,) = good_call.findings()
    assert finding.code == "INV001"
    assert finding.message == "agent-a and agent-b were audible at once for 200 ms"


def test_resemblance_to_a_voice_that_has_not_spoken_is_no_overlap(good_call: Any) -> None:
    good_call.voice(3.5, None, 0.2, mixed=["agent-a", "agent-b"]).voice(10, None, 0.03, mixed=["agent-b", "agent-b"])
    assert "INV001" not in good_call.codes()


def test_agent_who_speaks_after_a_person_took_over_is_found(good_call: Any) -> None:
    good_call.handoff(10, "agent-b", "human", conn=2)
    good_call.tell(10.2, "wire.close", conn=2, code=1000, reason="", by="client")
    assert "INV007" not in good_call.codes()
    good_call.voice(14, "agent-b", 0.5)
    (finding,) = [finding for finding in good_call.findings() if finding.code == "INV007"]
    assert finding.message == "agent-b was heard"


def test_session_that_stays_open_after_a_person_took_over_is_found(good_call: Any) -> None:
    good_call.handoff(10, "agent-b", "human", conn=2)
    (finding,) = good_call.findings()
    assert (finding.code, finding.message) == ("INV007", "connection 2 was still open")


def test_session_with_another_voice_than_its_agents_is_found(good_call: Any) -> None:
    good_call.plan["voices"] = {"agent-a": "agent-a", "agent-b": "Kore"}
    (finding,) = good_call.findings()
    assert (finding.code, finding.expected, finding.actual) == ("INV008", "Kore", "agent-b")


def test_old_agent_that_is_heard_after_the_new_one_began_is_found(good_call: Any) -> None:
    good_call.voice(9, "agent-a", 0.5)
    (finding,) = good_call.findings()
    assert finding.code == "INV002"
    assert "2500 ms after" in finding.message


def test_old_agent_may_speak_again_after_the_next_handoff(good_call: Any) -> None:
    good_call.handoff(10, "agent-b", "agent-a", conn=2).state(10.1, "agent-a", "second", 2).session(10.2, 3, "agent-a")
    good_call.tell(10.2, "wire.close", conn=2, code=1000, reason="", by="client").voice(11, "agent-a", 1)
    assert good_call.codes() == []


def test_state_that_names_another_agent_than_the_wire_is_found(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[3].get("conn") != 2]
    good_call.told = [item for item in good_call.told if item[2] != "close"]
    assert "INV003" in good_call.codes()


def test_no_open_session_at_rest_is_found(good_call: Any) -> None:
    good_call.tell(9, "wire.close", conn=2, code=1011, reason="", by="server")
    (finding,) = [finding for finding in good_call.findings() if finding.code == "INV003"]
    assert finding.actual == "no open session"


def test_disagreement_shorter_than_a_switch_is_no_finding(good_call: Any) -> None:
    good_call.state(17, "agent-c", "second", 2)
    assert "INV003" not in good_call.codes()


def test_nobody_need_be_connected_after_a_person_took_over(good_call: Any) -> None:
    good_call.handoff(10, "agent-b", "human", conn=2).tell(
        10.2, "wire.close", conn=2, code=1000, reason="", by="client"
    )
    assert "INV003" not in good_call.codes()


@pytest.mark.parametrize(("closes_at_s", "found"), [(9.0, False), (16.0, True)])
def test_connection_that_is_left_beside_its_successor_may_take_a_while_to_close(
    good_call: Any, closes_at_s: float, found: bool
) -> None:
    for item in good_call.told:
        if item[2] == "close" and item[3].get("conn") == 1:
            good_call.told.remove(item)
            break
    good_call.tell(closes_at_s, "wire.close", conn=1, code=1000, reason="", by="client")
    assert ("INV003" in good_call.codes()) is found


def test_lost_audio_of_the_caller_is_found_and_measured(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[2] != "audio_received"]
    good_call.arrived((0, 8), (8.08, 18))
    (finding,) = good_call.findings()
    assert finding.code == "INV004"
    assert finding.message == "80 ms of the caller's audio never arrived"
    assert finding.actual == "8.000 s (80 ms)"


def test_doubled_audio_of_the_caller_is_found_and_measured(good_call: Any) -> None:
    good_call.arrived((5.1, 5.4), conn=2)
    (finding,) = good_call.findings()
    assert (finding.code, finding.message) == ("INV005", "300 ms of the caller's audio arrived twice")


def test_error_of_the_alignment_is_no_loss(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[2] != "audio_received"]
    good_call.arrived((0, 8), (8.008, 18))
    assert good_call.codes() == []


def test_refused_handoff_that_changes_the_state_is_found(good_call: Any) -> None:
    good_call.handoff(12, "agent-b", "agent-x", conn=2, accepted=False).state(12.1, "agent-b", "second", 2)
    assert good_call.codes() == ["INV006"]


def test_refused_handoff_that_touches_the_session_is_found(good_call: Any) -> None:
    good_call.handoff(12, "agent-b", "agent-x", conn=2, accepted=False)
    good_call.tell(12.3, "server.persona", conn=2, name="x", agent="agent-x", voice="x")
    assert "INV006" in good_call.codes()


def test_refused_handoff_that_changes_nothing_is_no_finding(good_call: Any) -> None:
    good_call.handoff(12, "agent-b", "agent-x", conn=2, accepted=False).state(12.1, "agent-b", "second", 1)
    assert good_call.codes() == []


def test_disagreement_that_ends_before_the_call_does_is_found_when_it_begins(good_call: Any) -> None:
    good_call.tell(10, "server.persona", conn=2, name="a", agent="agent-a", voice="agent-a")
    good_call.tell(14, "server.persona", conn=2, name="b", agent="agent-b", voice="agent-b")
    (finding,) = good_call.findings()
    assert (finding.code, finding.at_ns) == ("INV003", 10_000_000_000)


def test_connection_that_is_replaced_soon_is_no_finding_and_one_that_is_not_is(good_call: Any) -> None:
    good_call.tell(10, "wire.close", conn=2, code=1006, reason="", by="network").session(11, 3, "agent-b")
    assert good_call.codes() == []
    good_call.tell(13, "wire.close", conn=3, code=1006, reason="", by="network").session(17, 4, "agent-b")
    (finding,) = good_call.findings()
    assert (finding.code, finding.at_ns) == ("INV003", 13_000_000_000)


def test_connection_that_is_lost_just_before_the_hang_up_is_no_finding(good_call: Any) -> None:
    good_call.tell(17.5, "wire.close", conn=2, code=1006, reason="", by="network")
    assert "INV003" not in good_call.codes()


def test_all_audio_lost_is_found_where_it_was_accounted_for(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[2] != "audio_received"]
    assert good_call.codes() == []
    good_call.tell(0, "server.audio_accounted", connections=0)
    assert good_call.codes() == ["INV004"]


def test_refused_handoff_beside_an_accepted_one_is_not_blamed(good_call: Any) -> None:
    good_call.tell(5.1, "server.tool_call", conn=1, id="d", name="handoff_conversation", args={"target": "agent-x"})
    decided = {"from": "agent-a", "to": "agent-x", "accepted": False, "reason": "no longer in charge"}
    good_call.tell(5.16, "runtime.handoff_requested", **{"from": "agent-a", "target": "agent-x"})
    good_call.tell(5.16, "runtime.handoff_decided", **decided)
    assert good_call.codes() == []


def test_handoff_that_is_rolled_back_counts_as_refused_with_its_reason(good_call: Any) -> None:
    good_call.told = [item for item in good_call.told if item[0] < 5.2]
    good_call.state(5.2, "agent-b", "second", 1).tell(
        5.3, "runtime.state", agent="agent-a", phase="first", handoff_count=0, why="rolled_back", reason="no network"
    )
    (finding,) = [
        finding
        for finding in good_call.findings(handoffs=[{"from": "agent-a", "to": "agent-b"}])
        if not finding.code.startswith("INV00")
    ]
    assert finding.code == "ROUTE003"
    assert finding.actual == "agent-a -> agent-b, rolled back: no network"
