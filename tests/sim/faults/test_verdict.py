from __future__ import annotations

from collections.abc import Callable

import pytest

from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.checks.outcome import Outcome
from roomkit_sim.sim.faults.verdict import judge, longest_wait_ms, settled
from tests.sim.checks.conftest import RATE, Story

Judged = Callable[[Story], Outcome]


def ended_by_the_application(told: Story, at_s: float = 10.0) -> Story:
    told.told = [item for item in told.told if item[2] not in ("hang_up", "disconnected")]
    return told.tell(at_s, "line.disconnected", by="app", at_sample=int(at_s * RATE))


def test_a_call_that_gets_where_it_would_have_got_survived(disturbed: Story, judged: Judged) -> None:
    assert judged(disturbed).kind == "survived"


def test_a_call_in_which_the_caller_has_to_ask_again_recovered(disturbed: Story, judged: Judged) -> None:
    disturbed.tell(8, "caller.repeat", utterance="ask", step=4)
    assert judged(disturbed).kind == "recovered"


def test_a_call_that_goes_another_way_with_the_agent_that_the_state_names_recovered(
    disturbed: Story, judged: Judged
) -> None:
    disturbed.handoff(9, "agent-b", "agent-a", conn=3, accepted=False)
    assert judged(disturbed) == Outcome("recovered")


def test_a_call_that_the_application_ended_with_an_error_ended_cleanly(disturbed: Story, judged: Judged) -> None:
    ended_by_the_application(disturbed).tell(
        9.9, "runtime.error", where="provider", message="the key is not accepted", exception="ProviderConnectionError"
    )
    assert judged(disturbed) == Outcome("ended", None, ("the key is not accepted",))


def test_a_line_that_is_closed_without_an_error_is_corrupted(disturbed: Story, judged: Judged) -> None:
    outcome = judged(ended_by_the_application(disturbed))
    assert (outcome.kind, outcome.reasons) == ("corrupted", ("the line was closed, and nothing says why",))


def test_dead_air_on_an_open_line_is_corrupted(disturbed: Story, judged: Judged) -> None:
    disturbed.told = [item for item in disturbed.told if item[2] not in ("hang_up", "disconnected")]
    disturbed.length_s = 40
    disturbed.tell(40, "line.disconnected", by="caller", at_sample=40 * RATE)
    assert "the line was open, and nobody spoke for 29.0 s" in judged(disturbed).reasons


def test_an_agent_of_the_state_whom_the_caller_never_hears_again_is_corrupted(disturbed: Story, judged: Judged) -> None:
    disturbed.told = [item for item in disturbed.told if not (item[2] == "agent_voice" and item[0] == 9)]
    disturbed.tell(16, "caller.wait_timeout", within_ms=5000, persona="b", step=4, **{"for": "agent_speech"})
    disturbed.told = [
        (at_s, src, kind, {**data, "samples": RATE // 2}) if kind == "agent_voice" and at_s == 6.5 else
        (at_s, src, kind, data)
        for at_s, src, kind, data in disturbed.told
    ]  # fmt: skip
    assert judged(disturbed).reasons == ("the state names agent-b, whom the caller never heard again",)


@pytest.mark.parametrize(
    ("tell", "reason"),
    [
        (lambda told: told.voice(9.5, None, 0.5, mixed=["agent-a", "agent-b"]), "INV001"),
        (lambda told: told.voice(12, "agent-a", 1), "INV002"),
        (lambda told: told.tell(9, "server.refused", conn=3, why="toolResponse for a call that is not open"), "APP002"),
        (lambda told: told.tell(17, "world.deadlock", message="nothing can happen any more"), "APP003"),
        (lambda told: told.arrived((3, 4), conn=3), "INV005"),
        (lambda told: told.state(12, "agent-a", "first", 2), "PHASE001"),
        (lambda told: told.tell(9, "world.unhandled", message="Task exception"), "an error that nobody had thought of"),
        (
            lambda told: told.tell(9, "runtime.error", where="x", message="NoneType", exception="AttributeError"),
            "an error that nobody had thought of: AttributeError: NoneType",
        ),
    ],
)
def test_what_must_always_hold_is_not_excused_by_a_fault(
    disturbed: Story, judged: Judged, tell: Callable[[Story], Story], reason: str
) -> None:
    outcome = judged(tell(disturbed))
    assert outcome.kind == "corrupted"
    assert any(told.startswith(reason) for told in outcome.reasons), outcome.reasons


def test_a_reported_error_of_the_runtime_is_no_corruption(disturbed: Story, judged: Judged) -> None:
    disturbed.tell(7, "runtime.error", where="provider", message="lost", exception="ProviderConnectionError")
    assert judged(disturbed).kind == "survived"


def test_a_fault_that_did_not_happen_proves_nothing(good_call: Story, judged: Judged) -> None:
    good_call.plan["missed_faults"] = [{"what": "cut", "when": "H4 of handoff 2", "why": "there was one"}]
    assert judged(good_call).kind == "invalid"


def lost(told: Story, *parts: tuple[float, float]) -> Story:
    told.told = [item for item in told.told if item[2] != "audio_received"]
    return told.arrived(*parts)


def test_audio_that_was_under_way_when_the_connection_was_lost_is_nobodys_fault(
    disturbed: Story, judged: Judged
) -> None:
    assert judged(lost(disturbed, (0, 6.6), (7, 18))).kind == "survived"


@pytest.mark.parametrize("part", [(6.4, 7), (6.6, 7.3), (12, 12.1)])
def test_audio_that_was_lost_before_or_after_that_is_corrupted(
    disturbed: Story, judged: Judged, part: tuple[float, float]
) -> None:
    outcome = judged(lost(disturbed, (0, part[0]), (part[1], 18)))
    assert outcome.kind == "corrupted"
    assert outcome.reasons[0].startswith("INV004")


@pytest.mark.parametrize(
    ("what", "part", "outcome"),
    [
        ("drop", (6.6, 7), "corrupted"),
        ("corrupt: no_json", (6.6, 7), "corrupted"),
        ("stall", (6.6, 7), "survived"),
        ("stall", (6.9, 7.1), "corrupted"),
    ],
)
def test_a_fault_that_loses_little_excuses_little(
    disturbed: Story, judged: Judged, what: str, part: tuple[float, float], outcome: str
) -> None:
    disturbed.told = [
        (at_s, src, kind, {**data, "what": what} if kind == "fault" else data)
        for at_s, src, kind, data in disturbed.told
    ]
    assert judged(lost(disturbed, (0, part[0]), (part[1], 18))).kind == outcome


@pytest.mark.parametrize(("switch", "excused"), [("gemini.resume_keeps_voice", True), ("gemini.go_away", False)])
def test_what_a_service_does_and_says_nothing_of_is_not_the_applications_fault(
    disturbed: Story, judged: Judged, switch: str, excused: bool
) -> None:
    disturbed.plan["voices"] = {"agent-b": "another"}
    disturbed.tell(7, "world.fault", what=f"flip: {switch}", where="H0 of handoff 1", conn=2)
    outcome = judged(disturbed)
    assert (outcome.kind == "survived") is excused, outcome


def test_held_audio_that_was_sent_on_a_connection_that_died_at_its_birth_was_under_way(
    disturbed: Story, judged: Judged
) -> None:
    disturbed.tell(7.6, "world.fault", what="cut", where="H8 of handoff 1", conn=3)
    disturbed.tell(7.6, "wire.close", conn=3, code=1006, reason="cut", by="client").session(8, 4, "agent-b")
    assert judged(lost(disturbed, (0, 7.01), (7.55, 18))).kind == "survived"


def test_audio_after_a_clean_end_has_nobody_to_hear_it(disturbed: Story, judged: Judged) -> None:
    ended_by_the_application(disturbed).tell(9, "runtime.error", where="x", message="no", exception="ProviderError")
    assert judged(lost(disturbed, (0, 7))).kind == "ended"


def test_findings_that_are_excused_fail_no_more_and_say_why(disturbed: Story) -> None:
    findings = disturbed.findings(route=["agent-a"])
    outcome = judge(disturbed.record(), findings, Story().record())
    (route,) = settled(disturbed.record(), findings, outcome)
    assert (route.code, route.severity) == ("ROUTE001", Severity.WAIVED)
    assert "expects it of the undisturbed call" in str(route.evidence["waived_because"])


def test_a_corruption_is_a_finding_of_its_own_that_names_fault_and_reasons(disturbed: Story) -> None:
    disturbed.voice(12, "agent-a", 1)
    findings = disturbed.findings()
    outcome = judge(disturbed.record(), findings, Story().record())
    corruption, *rest = settled(disturbed.record(), findings, outcome)
    assert corruption.code == "FAULT001"
    assert corruption.message == "cut at H11 of handoff 1 corrupted the call"
    assert "INV002" in corruption.actual
    assert [finding.fails for finding in rest] == [True]


def test_extra_time_is_that_of_the_worst_step(story: Story) -> None:
    other = Story()
    for told, ends in ((story, (1, 2.0, 9)), (other, (1, 4.5, 11))):
        for number, at_s in enumerate(ends[:-1], start=1):
            told.tell(at_s, "caller.step", n=number)
        told.tell(ends[-1], "caller.hang_up", at_sample=0)
    assert longest_wait_ms(other.record(), story.record()) == 2500
    assert longest_wait_ms(story.record(), other.record()) == 500
    assert longest_wait_ms(Story().record(), story.record()) is None


def test_an_application_that_fails_when_the_caller_has_hung_up_did_not_end_the_call(
    disturbed: Story, judged: Judged
) -> None:
    disturbed.tell(18.1, "runtime.app_raised", exception="ProviderConnectionError", message="late", where=[])
    assert judged(disturbed).kind == "survived"
    assert judged(lost(disturbed, (0, 12))).kind == "corrupted"


@pytest.mark.parametrize(("left_s", "kind"), [(7.2, "invalid"), (6.0, "corrupted")])
def test_a_disturbed_replay_that_leaves_its_recording_proves_nothing_and_one_that_left_it_before_does(
    disturbed: Story, judged: Judged, left_s: float, kind: str
) -> None:
    disturbed.tell(left_s, "world.drift", message="the client sent another message")
    assert judged(disturbed).kind == kind
