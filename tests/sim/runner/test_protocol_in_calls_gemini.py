"""Every rule of Gemini Live's protocol, broken on the wire in a whole call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.checks.protocol.common import COMMON_RULES
from roomkit_sim.sim.checks.protocol.gemini.table import GEMINI_LIVE
from tests.sim.runner.broken_rules import Breach, break_rule, found
from tests.sim.runner.misconduct import Frame, Line, instead, kind_of, with_first
from tests.sim.runner.switched_calls import (
    ADVISOR,
    AGAIN,
    ASK,
    GEMINI,
    HANDS_OVER,
    NOTES_FIRST,
    QUIET,
    a_while,
    mind,
    note_taking,
    play,
    script,
)

RULES = {rule.code: rule for rule in (*COMMON_RULES, *GEMINI_LIVE.rules, *GEMINI_LIVE.end_rules)}


def text(words: str = "Hello?", role: str = "user") -> Frame:
    return {"client_content": {"turns": [{"parts": [{"text": words}], "role": role}], "turn_complete": False}}


def handle(frame: Frame) -> Frame:
    settings: Frame = frame["setup"]["sessionResumption"]
    return settings


def result(frame: Frame) -> Frame:
    answer: Frame = frame["tool_response"]["functionResponses"][0]
    return answer


def names_a_function_twice(frame: Frame) -> None:
    tools = frame["setup"]["tools"][0]
    tools["functionDeclarations"] = [*tools["functionDeclarations"]] * 2


def takes_the_first_handle(line: Line, frame: Frame) -> Iterable[Frame]:
    if line.number == 2 and kind_of(frame) == "setup":
        updates = [update["sessionResumptionUpdate"] for update in line.call.lines[0].came("sessionResumptionUpdate")]
        handle(frame)["handle"] = next(update["newHandle"] for update in updates if "newHandle" in update)
    return [frame]


def answers_again_on_the_next_connection(line: Line, frame: Frame) -> Iterable[Frame]:
    answers = [said for said in line.call.lines[0].said if kind_of(said) == "toolResponse"]
    if line.number == 2 and kind_of(frame) == "audio" and line.call.once():
        return [*answers, frame]
    return [frame]


def answers_what_was_cancelled(line: Line, frame: Frame) -> Iterable[Frame]:
    if kind_of(frame) == "audio" and line.came("toolCallCancellation") and line.call.once():
        asked = line.came("toolCall")[0]["toolCall"]["functionCalls"][0]
        given = {"id": asked["id"], "name": asked["name"], "response": {}}
        return [{"tool_response": {"functionResponses": [given]}}, frame]
    return [frame]


def answers_nothing(line: Line, frame: Frame) -> Iterable[Frame]:
    return [] if kind_of(frame) == "toolResponse" else [frame]


def answers_twice(line: Line, frame: Frame) -> Iterable[Frame]:
    return [frame, frame] if kind_of(frame) == "toolResponse" else [frame]


def does_not_hear_go_away(line: Line, frame: Frame) -> Frame:
    return {"serverContent": {}} if "goAway" in frame else frame


SPEAKS_OVER: dict[str, Any] = {
    "app": note_taking(GEMINI, 8.0),
    "mind": mind(NOTES_FIRST),
    "caller": script(ASK, a_while(1500), AGAIN, a_while(8_000)),
}
SLOW_NOTE: dict[str, Any] = {"app": note_taking(GEMINI, 1.0), "mind": mind(NOTES_FIRST)}
LONG_NOTE: dict[str, Any] = {**SLOW_NOTE, "caller": script(ASK, a_while(14_000))}

TWO_TURNS: dict[str, Any] = {
    "mind": mind([{"hears": "ask-again", "says": "Yes, I am here."}, HANDS_OVER]),
    "caller": script(AGAIN, {"wait": {"for": "agent_speech"}}, QUIET, ASK, ADVISOR, QUIET),
    "expect": {"heard": ["ask-again", "ask-advice"]},
}

BREACHES: dict[str, Breach] = {
    "WIRE001": Breach(with_first("audio", "{")),
    "WIRE002": Breach(when_closed=text()),
    "WIRE003": Breach(with_first("audio", {"realtime_input": {"text": "half a smile \ud83d"}})),
    "WIRE010": Breach(with_first("setup", text())),
    "WIRE011": Breach(with_first("setup", text(), after=True)),
    "WIRE012": Breach(with_first("audio", {"setup": {"model": "models/gemini-live"}})),
    "WIRE013": Breach(with_first("audio", {"clientcontent": {}})),
    "WIRE014": Breach(instead("setup", lambda frame: frame["setup"].update(voice="Puck"))),
    "WIRE015": Breach(instead("setup", lambda frame: frame["setup"].update(model="gemini-live"))),
    "WIRE016": Breach(instead("setup", lambda frame: frame["setup"].update(model="models/other"), line=2)),
    "WIRE017": Breach(instead("setup", lambda frame: handle(frame).update(handle="made-up"), line=2)),
    "WIRE018": Breach(takes_the_first_handle, settings=TWO_TURNS),
    "WIRE019": Breach(answers_nothing),
    "WIRE020": Breach(answers_again_on_the_next_connection),
    "WIRE021": Breach(answers_what_was_cancelled, settings=SPEAKS_OVER),
    "WIRE022": Breach(answers_twice),
    "WIRE023": Breach(instead("toolResponse", lambda frame: result(frame).update(name="another"))),
    "WIRE024": Breach(with_first("toolResponse", text()), settings=SLOW_NOTE),
    "WIRE025": Breach(with_first("audio", {"realtime_input": {"activityStart": {}}})),
    "WIRE026": Breach(with_first("audio", {"realtime_input": {"text": "Hello?", "audioStreamEnd": True}})),
    "WIRE027": Breach(
        instead("audio", lambda frame: frame["realtime_input"]["audio"].update(mime_type="audio/pcm;rate=8000"))
    ),
    "WIRE028": Breach(with_first("audio", text(""))),
    "WIRE029": Breach(with_first("audio", text(role="assistant"))),
    "WIRE030": Breach(instead("setup", names_a_function_twice)),
    "WIRE031": Breach(
        hears=does_not_hear_go_away,
        switches=("gemini.go_away_silence",),
        settings={
            "service": {"go_away_ms": 4_000},
            "caller": script(ASK, ADVISOR, a_while(8_000), AGAIN, ADVISOR, QUIET),
        },
    ),
    "WIRE032": Breach(answers_nothing, settings=LONG_NOTE),
    "WIRE033": Breach(with_first("audio", text("bold \x1b[1m"))),
}


@pytest.mark.parametrize(
    "settings", [{}, SPEAKS_OVER, SLOW_NOTE, LONG_NOTE, TWO_TURNS], ids=["plain", "over", "slow", "long", "turns"]
)
def test_the_calls_break_no_rule_by_themselves(settings: dict[str, Any]) -> None:
    assert found(play(GEMINI, **settings)) == {}


@pytest.mark.parametrize("code", BREACHES)
def test_a_call_that_breaks_a_rule_says_so_and_is_red_unless_it_is_a_warning(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = break_rule(GEMINI, BREACHES[code], monkeypatch)
    assert found(run) == {code: RULES[code].severity}
    assert not run.passed or RULES[code].severity is Severity.WARNING


def test_every_rule_is_broken_in_a_call() -> None:
    assert sorted(RULES) == sorted(BREACHES)
