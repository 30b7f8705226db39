"""The linter as a whole: which protocol a connection speaks, what a finding says, and what it does to a call."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim import simulate
from roomkit_sim.sim.checks.checked_call import CheckedCall
from roomkit_sim.sim.checks.findings import Finding, Severity
from roomkit_sim.sim.checks.protocol.check import DIALECTS, lint
from roomkit_sim.sim.checks.protocol.common import COMMON_RULES
from roomkit_sim.sim.checks.wire_codes import WIRE_CODES

RULES = [*COMMON_RULES, *(rule for dialect in DIALECTS for rule in (*dialect.rules, *dialect.end_rules))]
TEXT = {"client_content": {"turns": [{"parts": [{"text": "Hello"}], "role": "user"}]}}


def test_every_code_has_one_rule() -> None:
    assert sorted(rule.code for rule in RULES) == sorted(WIRE_CODES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_title_says_which_rules_only_warn(rule: Any) -> None:
    assert WIRE_CODES[rule.code].title.endswith("(warning)") == (rule.severity is Severity.WARNING)


def test_frame_that_is_no_json_object_is_found(gemini: Any, openai: Any) -> None:
    assert gemini.sent(b"{").codes() == ["WIRE001"]
    assert openai.sent(b"[]").codes() == ["WIRE001"]


def test_frame_that_is_json_by_a_hair_is_not(gemini: Any) -> None:
    assert gemini.sent(b' {"clientContent" : {} } ').codes() == []


def test_frame_after_the_clients_close_frame_is_found(gemini: Any) -> None:
    assert gemini.sent(TEXT, after_close=True).codes() == ["WIRE002"]


def test_frame_before_it_is_not(gemini: Any) -> None:
    assert gemini.sent(TEXT).close().codes() == []


def test_half_a_surrogate_pair_is_found(gemini: Any, openai: Any) -> None:
    assert gemini.sent({"realtime_input": {"text": "a\ud83d"}}).codes() == ["WIRE003"]
    (finding,) = openai.sent(
        {"type": "session.update", "session": {"type": "realtime", "instructions": "\udc00"}}
    ).findings()
    assert finding.message.encode()


def test_whole_characters_outside_the_basic_plane_are_not(gemini: Any) -> None:
    assert gemini.sent({"realtime_input": {"text": "\U0001f600"}}).codes() == []


@pytest.mark.parametrize(("first", "code"), [({"setup": {}}, "WIRE015"), ({"type": "response.cancel"}, "WIRE056")])
def test_protocol_is_told_from_the_first_message_where_the_host_does_not_tell(
    gemini: Any, first: Any, code: str
) -> None:
    gemini.host = "127.0.0.1"
    assert gemini.dial(2).sent(first, 2).codes() == [code]


def test_connections_that_speak_something_else_are_left_alone(gemini: Any) -> None:
    gemini.host = "example.org"
    assert gemini.dial(2).sent({"hello": 1}, 2).sent({"type": "ping"}, 2).codes() == []


def test_finding_names_frame_position_and_time(gemini: Any) -> None:
    gemini.audio("sent", "realtime_input.audio", 1.0, 1, mime="audio/pcm;rate=16000")
    (finding,) = gemini.sent({"setup": {"model": "models/m"}}).findings(where="s.yaml:1")
    assert finding.message == "connection 1, frame 52 (setup): setup, for the second time"
    assert (finding.at_ns, finding.where) == (gemini.events[-1].t_ns, "s.yaml:1")
    assert finding.expected == "one setup a connection"
    assert finding.evidence == {"conn": 1, "frame": "setup", "number": 52}


def test_rule_that_is_broken_often_is_one_finding_a_connection(bare_gemini: Any) -> None:
    bare_gemini.sent(TEXT).sent(TEXT).sent(TEXT).dial(2).sent(TEXT, 2)
    first, second = bare_gemini.findings()
    assert first.message.endswith("sent before setup (and 2 more like it)")
    assert first.evidence["also"] == [2, 3]
    assert second.evidence["conn"] == 2


def test_warning_is_shown_and_does_not_fail_the_call() -> None:
    call: Any = None
    checked = CheckedCall(call, (Finding("WIRE056", "x", severity=Severity.WARNING),))
    assert (checked.passed, checked.verdict, checked.failures) == (True, "passed", ())


@pytest.mark.sim
@pytest.mark.parametrize("name", ["go-away", "hang-up", "barge-in"])
def test_shipped_scenarios_are_lint_free_and_would_not_be_if_they_were_not(name: str) -> None:
    run = simulate(f"scenarios/finance/{name}.scenario.yaml")
    events = run.record.events
    assert list(lint(events)) == []
    late = [event for event in events if not (event.name == "wire.received" and event.data["frame"] == "setupComplete")]
    assert {finding.code for finding in lint(late)} == {"WIRE011"}
