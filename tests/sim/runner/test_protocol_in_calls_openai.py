"""Every rule of OpenAI Realtime's protocol, broken on the wire in a whole call."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.sim.checks.findings import Severity
from roomkit_sim.sim.checks.protocol.common import COMMON_RULES
from roomkit_sim.sim.checks.protocol.openai.table import OPENAI_REALTIME
from tests.sim.runner.broken_rules import Breach, break_rule, found
from tests.sim.runner.misconduct import Frame, Line, Says, instead, kind_of, with_first
from tests.sim.runner.switched_calls import (
    ADVISOR,
    ASK,
    HANDS_OVER,
    NOTES_FIRST,
    OPENAI,
    QUIET,
    a_while,
    codes,
    line_on,
    mind,
    note_taking,
    play,
    script,
)

RULES = {rule.code: rule for rule in (*COMMON_RULES, *OPENAI_REALTIME.rules, *OPENAI_REALTIME.end_rules)}


def update(**session: Any) -> Frame:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def output(call_id: str) -> Frame:
    item = {"type": "function_call_output", "call_id": call_id, "output": "{}"}
    return {"type": "conversation.item.create", "item": item}


def message(role: str, kind: str) -> Frame:
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": "Hello?"}]}
    return {"type": "conversation.item.create", "item": item}


def is_output(frame: Frame) -> bool:
    item = frame.get("item") or {}
    return bool(item.get("type") == "function_call_output")


def session(change: Callable[[Frame], Any]) -> Says:
    """Change every session that the client asks for."""
    return instead("session.update", lambda frame: change(frame["session"]))


def finds_no_turns(settings: Frame) -> None:
    settings["audio"]["input"]["turn_detection"] = None


def when(came: Callable[[Line], Any], make: Callable[[Any], Iterable[Frame]]) -> Says:
    """Say something between two pieces of the caller's audio, as soon as something has come."""

    def says(line: Line, frame: Frame) -> Iterable[Frame]:
        news = came(line) if kind_of(frame) == "audio" else None
        return [*make(news), frame] if news and line.call.once() else [frame]

    return says


def response_under_way(line: Line) -> Any:
    return line.came("response.output_audio.delta") and not line.came("response.done")


def spoken_item(line: Line) -> Any:
    return next((delta["item_id"] for delta in line.came("response.output_audio.delta")), None)


def item_of_the_caller(line: Line) -> Any:
    items = [event["item"] for event in line.came("conversation.item.added")]
    return next((item["id"] for item in items if item.get("role") == "user"), None)


def truncate(item_id: str, end_ms: int) -> Frame:
    return {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}


def says_nothing_more(line: Line, frame: Frame) -> Iterable[Frame]:
    return [] if is_output(frame) or kind_of(frame) == "response.create" else [frame]


def answers_twice(line: Line, frame: Frame) -> Iterable[Frame]:
    return [frame, frame] if is_output(frame) else [frame]


def asks_before_it_answers(line: Line, frame: Frame) -> Iterable[Frame]:
    """The output of the first call and the request for an answer change places."""
    if is_output(frame) and line.call.once("output"):
        return [{"type": "response.create"}, frame]
    return [] if kind_of(frame) == "response.create" and line.call.once("request") else [frame]


def answers_on_the_next_connection(line: Line, frame: Frame) -> Iterable[Frame]:
    outputs = [said for said in line.call.lines[0].said if is_output(said)]
    return [*outputs, frame] if line.number == 2 and kind_of(frame) == "audio" and line.call.once() else [frame]


def sends_16_khz(frame: Frame) -> None:
    pcm = b64decode(frame["audio"])
    frame["audio"] = b64encode(pcm[: len(pcm) // 6 * 4]).decode()


def commits_nothing(line: Line, frame: Frame) -> Iterable[Frame]:
    if kind_of(frame) == "session.update":
        finds_no_turns(frame["session"])
    if kind_of(frame) == "audio" and line.call.once():
        return [{"type": "input_audio_buffer.commit"}, frame]
    return [frame]


def with_the_header_of_the_beta(api_key: str) -> OpenAIRealtimeProvider:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=api_key, default_headers={"OpenAI-Beta": "realtime=v1"})
    return OpenAIRealtimeProvider(client=client)


SLOW_NOTE: dict[str, Any] = {"app": note_taking(OPENAI, 1.0), "mind": mind(NOTES_FIRST)}
LONG_NOTE: dict[str, Any] = {**SLOW_NOTE, "caller": script(ASK, a_while(14_000))}
SPEAKS_FIRST: dict[str, Any] = {
    "mind": mind([{**HANDS_OVER, "says": "One moment please."}]),
    "caller": script(ASK, ADVISOR, QUIET),
}
SILENT: dict[str, Any] = {
    "caller": script(a_while(4_000)),
    "mind": mind([{"on": "asked_to_speak", "says": "Hello?"}]),
    "expect": {"route": ["agent-triage"], "phases": ["triage"], "heard": [], "handoffs": []},
}

BREACHES: dict[str, Breach] = {
    "WIRE001": Breach(with_first("audio", "{")),
    "WIRE002": Breach(when_closed=update()),
    "WIRE003": Breach(with_first("audio", update(instructions="Role: Triage receptionist \ud83d"))),
    "WIRE050": Breach(with_first("audio", {"type": "transcription_session.update", "session": {}})),
    "WIRE051": Breach(session(lambda settings: settings.update(id="sess_1"))),
    "WIRE052": Breach(session(lambda settings: settings.pop("type"))),
    "WIRE053": Breach(session(lambda settings: settings.update(modalities=["audio", "text"]))),
    "WIRE054": Breach(settings={"app": line_on(OPENAI, provider=with_the_header_of_the_beta)}),
    "WIRE055": Breach(when(response_under_way, lambda _: [{"type": "response.create"}]), settings=SPEAKS_FIRST),
    "WIRE056": Breach(with_first("audio", {"type": "response.cancel"})),
    "WIRE057": Breach(answers_on_the_next_connection, settings=SPEAKS_FIRST),
    "WIRE058": Breach(answers_twice),
    "WIRE059": Breach(asks_before_it_answers, settings=SLOW_NOTE),
    "WIRE060": Breach(with_first("audio", truncate("item_of_somebody_else", 0))),
    "WIRE061": Breach(when(item_of_the_caller, lambda item: [truncate(item, 0)])),
    "WIRE062": Breach(when(spoken_item, lambda item: [truncate(item, 60_000)])),
    "WIRE063": Breach(when(spoken_item, lambda item: [truncate(item, 1), truncate(item, 1)]), settings=SPEAKS_FIRST),
    "WIRE064": Breach(when(spoken_item, lambda _: [update(audio={"output": {"voice": "ash"}})])),
    "WIRE065": Breach(with_first("audio", update(model="gpt-realtime-mini"))),
    "WIRE066": Breach(
        session(lambda settings: settings.update(tools=[{"type": "function", "function": {"name": "note"}}]))
    ),
    "WIRE067": Breach(session(lambda settings: settings["audio"]["input"]["format"].update(rate=16_000))),
    "WIRE068": Breach(instead("audio", sends_16_khz), settings=SILENT),
    "WIRE069": Breach(when(lambda line: len(line.said) > 20, lambda _: [{"type": "input_audio_buffer.commit"}])),
    "WIRE070": Breach(commits_nothing),
    "WIRE071": Breach(session(finds_no_turns)),
    "WIRE072": Breach(with_first("audio", message("user", "output_text"))),
    "WIRE073": Breach(says_nothing_more, settings=LONG_NOTE),
}


@pytest.mark.parametrize("settings", [{}, SLOW_NOTE, LONG_NOTE, SPEAKS_FIRST, SILENT])
def test_the_calls_are_green_as_long_as_no_rule_is_broken(settings: dict[str, Any]) -> None:
    assert codes(play(OPENAI, **settings)) == []


@pytest.mark.parametrize("code", BREACHES)
def test_a_call_that_breaks_a_rule_says_so_and_is_red_unless_it_is_a_warning(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = break_rule(OPENAI, BREACHES[code], monkeypatch)
    assert found(run) == {code: RULES[code].severity}
    assert not run.passed or RULES[code].severity is Severity.WARNING


def test_every_rule_is_broken_in_a_call() -> None:
    assert sorted(RULES) == sorted(BREACHES)


def test_cancelling_what_has_ended_meanwhile_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert break_rule(OPENAI, BREACHES["WIRE056"], monkeypatch).passed
