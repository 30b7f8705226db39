from __future__ import annotations

from typing import Any


def test_two_voices_at_once_are_found_with_their_names(good_call: Any) -> None:
    good_call.voice(10, None, 0.2, mixed=["Aoede", "Charon"])
    (finding,) = good_call.findings()
    assert finding.code == "INV001"
    assert finding.message == "Aoede and Charon were audible at once for 200 ms"


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
