from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.codes import CODES
from roomkit_sim.sim.checks.findings import Finding, Severity


@pytest.mark.parametrize(
    ("name", "data", "code", "text"),
    [
        (
            "caller.wait_timeout",
            {"step": 2, "for": "agent_speech", "within_ms": 900, "persona": "b"},
            "CALLER001",
            "900",
        ),
        ("caller.cut_off", {"step": 3}, "CALLER002", "step 3"),
        (
            "runtime.app_raised",
            {"exception": "KeyError", "message": "'x'", "where": ["app.py:3 in f"]},
            "APP001",
            "KeyErr",
        ),
        ("server.refused", {"conn": 1, "why": "no setup", "code": 1007}, "APP002", "no setup"),
        ("world.deadlock", {"message": "nothing can happen"}, "APP003", "nothing can happen"),
        ("world.budget_exceeded", {"message": "used up"}, "APP003", "used up"),
        ("world.real_network", {"message": "touched"}, "APP004", "touched"),
        ("world.unhandled", {"message": "never retrieved"}, "APP005", "never retrieved"),
        ("runtime.error", {"where": "hook h", "message": "boom", "exception": "E"}, "APP005", "hook h: E: boom"),
        ("server.mind_refused", {"conn": 1, "why": "no tool"}, "INVALID003", "no tool"),
        ("line.voice_conflict", {"message": "too alike"}, "INVALID005", "too alike"),
    ],
)
def test_event_is_found(good_call: Any, name: str, data: dict[str, Any], code: str, text: str) -> None:
    good_call.tell(9, name, **data)
    (finding,) = good_call.findings()
    assert finding.code == code
    assert text in finding.message
    assert finding.at_ns == 9_000_000_000


def test_cancelling_what_has_ended_meanwhile_is_not(good_call: Any) -> None:
    good_call.tell(9, "server.refused", conn=1, why="no active response found", code="response_cancel_not_active")
    assert good_call.findings() == []


def test_place_of_an_application_error_is_shown_innermost_first(good_call: Any) -> None:
    good_call.tell(9, "runtime.app_raised", exception="E", message="m", where=["a.py:1 in outer", "b.py:2 in inner"])
    (finding,) = good_call.findings()
    assert finding.message == "E: m\nat b.py:2 in inner\nat a.py:1 in outer"


def test_other_utterances_than_expected_are_found(good_call: Any) -> None:
    (finding,) = good_call.findings(heard=["ask", "unknown"])
    assert (finding.code, finding.expected, finding.actual) == ("AUDIO001", "ask, unknown", "ask")


def test_speech_that_nobody_knows_counts_as_unknown(good_call: Any) -> None:
    good_call.tell(12, "server.heard", conn=2, utterance=None, score=0.2)
    assert good_call.codes(heard=["ask", "unknown"]) == []


def test_sound_that_is_no_agents_voice_is_found_if_it_lasts(good_call: Any) -> None:
    good_call.voice(9, None, 0.1)
    assert good_call.codes() == []
    good_call.voice(11, None, 0.4)
    assert good_call.codes() == ["AUDIO002"]


def test_session_without_a_persona_is_invalid(good_call: Any) -> None:
    good_call.tell(17.9, "server.persona", conn=3, name="unknown", agent=None, voice=None)
    (finding,) = good_call.findings()
    assert (finding.code, finding.severity) == ("INVALID001", Severity.INVALID)


def test_fault_that_never_struck_is_invalid_and_says_why_and_where(good_call: Any) -> None:
    missed = {"what": "cut", "when": "H4 of handoff 2", "why": "there was one", "at_ns": 9, "where": "a.yaml:7"}
    good_call.plan["missed_faults"] = [missed]
    (finding,) = good_call.findings()
    assert (finding.code, finding.severity) == ("INVALID002", Severity.INVALID)
    assert finding.message == "cut (at H4 of handoff 2) never struck: there was one"
    assert (finding.at_ns, finding.where) == (9, "a.yaml:7")


def test_caller_of_whom_nothing_was_heard_is_invalid(good_call: Any) -> None:
    heard = ("speech_started", "turn_committed", "heard")
    good_call.told = [item for item in good_call.told if item[2] not in heard]
    assert "INVALID004" in good_call.codes()


@pytest.mark.parametrize(("late_ms", "at_s", "found"), [(300.0, 5.0, True), (200.0, 5.0, False), (900.0, 0.0, False)])
def test_in_real_time_the_machine_must_keep_up_while_the_caller_is_there(
    good_call: Any, late_ms: float, at_s: float, found: bool
) -> None:
    good_call.tell(1.0, "line.connected", rate_hz=16000, start_sample=0)
    good_call.tell(20.0, "world.lag", late_ms=late_ms, at_ns=int(at_s * 1e9))
    assert ("INVALID009" in good_call.codes()) is found


def test_waived_finding_does_not_fail_the_call_and_keeps_its_reason(good_call: Any) -> None:
    good_call.voice(9, "agent-a", 0.5)
    findings = good_call.findings(waive={"INV002": "known defect"})
    (finding,) = findings
    assert not finding.fails
    assert finding.evidence["waived_because"] == "known defect"
    assert CheckedCall(good_call.record(), tuple(findings)).verdict == "passed"


def test_waiver_that_is_not_needed_is_invalid(good_call: Any) -> None:
    findings = good_call.findings(waive={"INV002": "known defect"})
    assert [finding.code for finding in findings] == ["INVALID006"]
    assert CheckedCall(good_call.record(), tuple(findings)).verdict == "invalid"


def test_finding_with_an_unregistered_code_is_a_defect() -> None:
    with pytest.raises(ValueError, match="NEW001"):
        Finding("NEW001", "something")


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_cause_and_cure(code: str) -> None:
    assert all((CODES[code].title, CODES[code].cause, CODES[code].cure))


def test_wait_in_vain_points_at_its_step(good_call: Any) -> None:
    good_call.tell(9, "caller.wait_timeout", step=2, within_ms=9, persona=None, **{"for": "agent_speech"})
    (finding,) = good_call.findings()
    assert finding.where == "s.yaml:31"


def test_moment_to_hang_up_that_never_came_is_invalid(good_call: Any) -> None:
    good_call.tell(9, "caller.wait_timeout", step=1, within_ms=9, persona=None, **{"for": "runtime.state"})
    (finding,) = good_call.findings()
    assert (finding.code, finding.severity) == ("INVALID007", Severity.INVALID)


def _ask(call: Any, at_s: float, *, complete: bool = True) -> None:
    content = {"turns": [], "turnComplete": complete}
    call.tell(at_s, "wire.sent", conn=2, frame="client_content", bytes=9, json={"client_content": content})


def test_model_that_is_asked_to_speak_twice_in_a_row_is_found(good_call: Any) -> None:
    _ask(good_call, 5.9)
    assert good_call.codes() == []
    _ask(good_call, 6.1)
    (finding,) = good_call.findings()
    assert finding.code == "INV009"
    assert "200 ms after" in finding.message


def test_model_may_be_asked_again_after_it_has_spoken_and_history_is_no_request(good_call: Any) -> None:
    _ask(good_call, 5.85, complete=False)
    _ask(good_call, 5.9)
    _ask(good_call, 9)
    assert good_call.codes() == []


def _speak_over(call: Any, start_s: float) -> None:
    start, end = int(start_s * 16000), int((start_s + 1) * 16000)
    call.tell(start_s + 1, "caller.speech_end", utterance="stop", start_sample=start, end_sample=end)


def test_agent_that_speaks_on_over_the_caller_is_found_and_measured(good_call: Any) -> None:
    good_call.voice(9, "agent-b", 2)
    good_call.voice(11.3, "agent-b", 1)
    _speak_over(good_call, 10)
    assert good_call.codes(yields_within_ms=2400) == []
    (finding,) = good_call.findings(yields_within_ms=2000)
    assert finding.code == "AUDIO003"
    assert "spoke on for 2300 ms after the caller began 'stop'" in finding.message


def test_caller_who_never_speaks_over_an_agent_proves_nothing(good_call: Any) -> None:
    (finding,) = good_call.findings(yields_within_ms=500)
    assert (finding.code, finding.severity) == ("INVALID008", Severity.INVALID)
