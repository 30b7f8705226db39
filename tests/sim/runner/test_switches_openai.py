"""The short call while OpenAI Realtime misbehaves in its own ways.

Every switch turns the call red, or the runtime copes; then a careless one, which is this one with a part taken out,
does not.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable
from functools import partial
from typing import Any, get_args

import pytest
from openai.types.realtime import RealtimeServerEvent

from roomkit_sim.providers.openai import realtime_connection, realtime_session
from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.providers.openai.realtime_events import RealtimeNormaliser
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.sim.audio.g711 import MU_LAW
from roomkit_sim.voice.resampler import StreamResampler
from tests.sim.runner import switched_calls
from tests.sim.runner.misconduct import Frame, Hears, Line, Says, kind_of, meddle
from tests.sim.runner.switched_calls import (
    ADVISOR,
    AGAIN,
    ASK,
    GREETING,
    HANDS_OVER,
    NOTES_FIRST,
    OPENAI,
    QUIET,
    TOLD,
    a_while,
    codes,
    connections,
    does_not_reconnect,
    line_on,
    message,
    mind,
    note_taking,
    remembers_every_call_id,
    script,
    struck,
)

Patch = pytest.MonkeyPatch
play = partial(switched_calls.play, OPENAI)
SDK_EVENTS = {
    literal
    for event in get_args(get_args(RealtimeServerEvent)[0])
    for literal in get_args(event.model_fields["type"].annotation)
}
HANDS_OVER_ALOUD = {**HANDS_OVER, "says": "One moment please."}
TWO_TURNS: dict[str, Any] = {
    "mind": mind([{"hears": "ask-again", "says": "Yes, I am here."}, HANDS_OVER]),
    "caller": script(AGAIN, {"wait": {"for": "agent_speech"}}, QUIET, ASK, ADVISOR, QUIET),
    "expect": {
        "heard": ["ask-again", "ask-advice"],
        "transcripts": [{"caller": "ask-again"}, {"agent": "Yes, I am here."}, *TOLD["transcripts"]],
    },
}


# The voice


def test_a_voice_that_is_ignored_is_heard_and_is_no_agent_s() -> None:
    run = play("openai.voice_ignored", caller=script(ASK, a_while(8_000)))
    assert "AUDIO002" in codes(run)
    events = [event for event in run.record.events if event.name in ("server.persona", "server.audio_started")]
    assert [event.data["voice"] for event in events] == ["marin", "cedar", "alloy"]


def test_a_voice_that_has_spoken_is_not_named_again(monkeypatch: Patch) -> None:
    app = line_on(OPENAI, voices=("marin", "marin"))
    settings: dict[str, Any] = {"app": app, "mind": mind([HANDS_OVER_ALOUD])}
    assert codes(play(**settings)) == []
    assert codes(play("openai.cannot_update_voice", **settings)) == ["INVALID010"], "its moment never comes"
    session_object = realtime_connection.session_object

    def names_it(*args: Any, update: bool = False, with_voice: bool = True) -> dict[str, Any]:
        return session_object(*args, update=update)

    monkeypatch.setattr(realtime_connection, "session_object", names_it)
    assert codes(play(**settings)) == []
    run = play("openai.cannot_update_voice", **settings)
    assert codes(run) == ["APP002", "APP005"]
    assert "voice" in message(run, "APP002")
    assert connections(run) == ["opened", "reconnecting", "reseeded"]


# The format


def telephone_audio(*, repeats_formats: bool) -> tuple[Says, Hears]:
    """A client that speaks G.711 with the service, and PCM16 at 24 kHz with its application."""
    to_8k, to_24k = StreamResampler(24_000, 8_000), StreamResampler(8_000, 24_000)
    pcm, g711 = {"type": "audio/pcm", "rate": 24_000}, {"type": "audio/pcmu"}

    def says(line: Line, frame: Frame) -> Iterable[Frame]:
        if kind_of(frame) == "audio":
            frame["audio"] = b64encode(MU_LAW.encode(to_8k.feed(b64decode(frame["audio"])))).decode()
        if kind_of(frame) == "session.update":
            is_first = line.call.once("formats")
            for side in frame["session"]["audio"].values():
                side.pop("format")
                side.update({"format": g711} if is_first or repeats_formats else {})
        return [frame]

    def hears(line: Line, frame: Frame) -> Frame:
        if kind_of(frame) == "response.output_audio.delta":
            frame["delta"] = b64encode(to_24k.feed(MU_LAW.decode(b64decode(frame["delta"])))).decode()
        if kind_of(frame) in ("session.created", "session.updated"):
            for side in frame["session"]["audio"].values():
                side["format"] = pcm
        return frame

    return says, hears


@pytest.mark.parametrize(
    ("switches", "repeats_formats", "found"),
    [
        ([], True, []),
        ([], False, []),
        (["openai.format_reset"], True, ["INVALID010"]),
        (["openai.format_reset"], False, ["CALLER001", "WIRE068", "ROUTE005", "AUDIO001"]),
    ],
)
def test_formats_that_are_not_repeated_are_lost_and_the_caller_is_not_understood(
    switches: list[str], repeats_formats: bool, found: list[str], monkeypatch: Patch
) -> None:
    meddle(monkeypatch, *telephone_audio(repeats_formats=repeats_formats))
    run = play(*switches, caller=script(ASK, ADVISOR, QUIET, AGAIN, ADVISOR, QUIET))
    # A telephone's band and steps leave less of the line's noise than the account of the caller's audio looks for.
    assert [code for code in codes(run) if code != "INV004"] == found


# The connection


def test_what_the_caller_wants_is_lost_with_a_connection_that_closes_when_the_tool_was_called() -> None:
    run = play("openai.silent_close")
    assert codes(run) == ["APP005", "INV010"]
    assert "waits for the result of call" in message(run, "APP005")
    assert connections(run) == ["opened", "lost", "reconnecting", "reseeded", "updated"]


def test_a_conversation_outlives_a_connection_that_closes_without_a_word(monkeypatch: Patch) -> None:
    run = play("openai.silent_close", **TWO_TURNS)
    assert codes(run) == []
    assert connections(run)[1:4] == ["lost", "reconnecting", "reseeded"]
    does_not_reconnect(monkeypatch)
    assert "CALLER002" in codes(play("openai.silent_close", **TWO_TURNS))


def test_what_is_said_to_a_session_that_has_expired_is_lost_and_the_conversation_goes_on(monkeypatch: Patch) -> None:
    run = play("openai.session_expires")
    assert codes(run) == ["APP002", "APP005", "INV004"]
    assert "hit the maximum duration" in message(run, "APP002")
    assert connections(run)[-1] == "reseeded"
    does_not_reconnect(monkeypatch)
    monkeypatch.setattr(realtime_session.ServiceError, "ends_session", False)
    assert "CALLER002" in codes(play("openai.session_expires", caller=script(ASK, a_while(12_000))))


def test_an_event_of_an_unknown_type_is_passed_over(monkeypatch: Patch) -> None:
    run = play("openai.unknown_event")
    assert codes(run) == []
    assert struck(run) == ["openai.unknown_event"]
    feed = RealtimeNormaliser.feed

    def knows_them_all(self: RealtimeNormaliser, event: dict[str, Any]) -> Any:
        if event["type"] not in SDK_EVENTS:
            raise KeyError(event["type"])
        return feed(self, event)

    monkeypatch.setattr(RealtimeNormaliser, "feed", knows_them_all)
    assert codes(play()) == []
    assert codes(play("openai.unknown_event")) == ["APP005"]


# Tools


def test_an_id_that_was_answered_may_come_again(monkeypatch: Patch) -> None:
    settings: dict[str, Any] = {"app": note_taking(OPENAI), "mind": mind(NOTES_FIRST)}
    run = play("openai.duplicate_call_ids", **settings)
    assert codes(run) == []
    assert len({event.data["id"] for event in run.record.events if event.name == "server.tool_call"}) == 1
    remembers_every_call_id(monkeypatch)
    assert {"CALLER001", "ROUTE003"} & set(codes(play("openai.duplicate_call_ids", **settings)))


# Words


def test_missing_words_are_noticed_where_words_are_expected() -> None:
    assert codes(play("openai.transcripts_missing")) == []
    (finding,) = play("openai.transcripts_missing", expect=TOLD).findings
    assert (finding.code, finding.actual) == ("AUDIO005", f"agent: {GREETING}")


def test_words_that_come_too_late_are_told_after_the_answer_to_them() -> None:
    brief = "Advisor here."
    told = {"transcripts": [{"caller": "ask-advice"}, {"agent": brief}]}
    settings: dict[str, Any] = {"mind": mind(says=brief), "expect": told, "caller": script(ASK, ADVISOR, QUIET)}
    assert codes(play(**settings)) == []
    run = play("openai.transcripts_late", **settings)
    assert codes(run) == ["AUDIO005"]
    patient = line_on(OPENAI, provider=partial(OpenAIRealtimeProvider, timing=LiveTiming(transcript_wait_s=4.0)))
    assert codes(play("openai.transcripts_late", app=patient, **settings)) == []


def test_words_that_come_after_those_of_the_next_turn_are_noticed() -> None:
    assert codes(play(**TWO_TURNS)) == []
    run = play("openai.transcripts_out_of_order", app=line_on(OPENAI, voices=("marin", "marin")), **TWO_TURNS)
    (finding,) = run.findings
    assert (finding.code, finding.actual) == ("AUDIO005", "agent: Yes, I am here.")


def test_words_that_have_not_come_are_not_told_to_a_new_connection() -> None:
    run = play("openai.transcripts_out_of_order", **TWO_TURNS)
    assert codes(run) == ["INV010", "AUDIO005"]
    assert "did not know that the caller had said" in message(run, "INV010")
