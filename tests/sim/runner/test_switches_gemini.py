"""The short call while Gemini Live misbehaves in its own ways.

Every switch turns the call red, or the runtime copes; then a careless one, which is this one with a part taken out,
does not.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from roomkit_sim import RealtimeVoiceChannel
from roomkit_sim.providers.gemini import live_session
from roomkit_sim.providers.gemini.live_connection import LiveConnection
from roomkit_sim.providers.gemini.live_events import LiveNormaliser
from roomkit_sim.providers.gemini.live_session import LiveSession
from roomkit_sim.providers.realtime.pending_calls import PendingCalls
from roomkit_sim.sim import simulate
from tests.sim.runner import switched_calls
from tests.sim.runner.finance_line import SCENARIOS, application, short_call
from tests.sim.runner.switched_calls import (
    ADVISOR,
    AGAIN,
    ASK,
    GEMINI,
    HANDS_OVER,
    NOTES_FIRST,
    QUIET,
    TOLD,
    a_while,
    agents_with,
    codes,
    connections,
    does_not_reconnect,
    later,
    line_on,
    message,
    mind,
    note_taking,
    remembers_every_call_id,
    script,
)

Patch = pytest.MonkeyPatch
play = partial(switched_calls.play, GEMINI)


# What a careless runtime leaves out


def does_not_tell_again(monkeypatch: Patch) -> None:
    """A connection that begins fresh is not told what was said."""
    monkeypatch.setattr(live_session, "seed_contents", lambda turns: [])


def does_not_heed_go_away(monkeypatch: Patch) -> None:
    """A connection is used until it is closed."""

    async def ignore(self: LiveSession, event: Any, connection: Any) -> None:
        return None

    monkeypatch.setattr(LiveSession, "_go_away", ignore)


# Where the caller notices


def test_the_limit_of_sessions_fails_the_application_and_says_why() -> None:
    run = play("gemini.session_limit")
    assert codes(run)[0] == "APP001"
    assert "too many concurrent sessions" in message(run, "APP001")


@pytest.mark.parametrize(
    ("switch", "code", "text"),
    [
        ("gemini.resume_keeps_voice", "INV008", "connection 2 runs agent-advisor with another agent's voice"),
        ("gemini.resume_cuts_audio", "AUDIO004", "agent-advisor was heard for 5"),
        ("gemini.resume_loses_context", "INV010", "did not know that the caller had said 'ask-advice'"),
        ("gemini.resume_loses_most_context", "INV010", "did not know that the caller had said 'ask-advice'"),
        ("gemini.unknown_key", "APP005", "the server sent something that the SDK does not understand"),
    ],
)
def test_the_call_is_red_and_nothing_else_is_wrong_with_it(switch: str, code: str, text: str) -> None:
    run = play(switch)
    assert codes(run) == [code]
    assert text in message(run, code)


def test_a_session_whose_setup_was_never_acknowledged_is_told_of_and_used_all_the_same() -> None:
    run = play("gemini.first_frame_lost")
    assert codes(run) == ["APP005"]
    assert "the first frame of the connection was not setupComplete" in message(run, "APP005")


def test_a_request_is_lost_with_a_connection_that_drops_before_it_has_a_handle() -> None:
    run = play("gemini.no_handle_yet")
    assert connections(run) == ["opened", "lost", "reconnecting", "fresh"]
    assert {"CALLER001", "ROUTE002"} <= set(codes(run))
    assert message(run, "CALLER001").endswith("for agent_speech of persona advisor")


def test_a_change_inside_a_connection_that_the_model_rejects_is_the_application_s_to_avoid() -> None:
    def update_inside(handler: Any, channel: RealtimeVoiceChannel) -> None:
        async def tell(*args: Any) -> None:
            live = next(iter(channel.provider._live.values()))  # type: ignore[attr-defined]
            content = {"parts": [{"text": "Role: Triage receptionist. Be kind."}], "role": "user"}
            await live._connection._session.send_context_update(system_instruction=content)

        channel.provider.on_connection(lambda session, step, detail: later(tell) if step == "opened" else None)

    app = application(after_install=update_inside)
    service = {"context_update": True}
    assert codes(play(app=app, service=service)) == []
    run = play("gemini.rejects_context_update", app=app, service=service)
    assert "APP002" in codes(run)
    assert "contextUpdate is not supported by this model" in message(run, "APP002")


# Where the runtime copes, and a careless one would not


@pytest.mark.parametrize(
    "switch",
    [
        "gemini.handle_expired",
        "gemini.handle_other_model",
        "gemini.not_resumable",
        "gemini.resume_rejects_long_instructions",
    ],
)
def test_a_conversation_that_cannot_be_resumed_is_told_again(switch: str, monkeypatch: Patch) -> None:
    app = line_on(GEMINI, make_agents=lambda: agents_with("Aoede", "Charon", advice=". " + "Be kind. " * 300))
    run = play(switch, app=app)
    assert codes(run) == []
    assert connections(run)[-1] == "reseeded"
    does_not_tell_again(monkeypatch)
    assert codes(play(switch, app=app)) == ["INV010"]


def test_the_old_connection_is_closed_before_its_conversation_is_resumed(monkeypatch: Patch) -> None:
    run = play("gemini.old_socket_open")
    assert codes(run) == []
    assert connections(run)[-1] == "resumed"

    async def leaves_it_open(self: LiveConnection) -> None:
        async def leave() -> None:
            await asyncio.sleep(2)
            await self._leave()

        later(leave)

    monkeypatch.setattr(LiveConnection, "close", leaves_it_open)
    assert connections(play("gemini.old_socket_open"))[-1] == "reseeded"
    does_not_tell_again(monkeypatch)
    assert "INV010" in codes(play("gemini.old_socket_open"))


def test_a_conversation_outlives_the_deadline_of_its_connections(monkeypatch: Patch) -> None:
    settings: dict[str, Any] = {"service": {"deadline_ms": 8_000}, "caller": script(ASK, ADVISOR, a_while(6_000))}
    run = play("gemini.close_58_min", **settings)
    assert codes(run) == []
    assert connections(run)[-1] == "reseeded"
    does_not_reconnect(monkeypatch)
    assert "CALLER002" in codes(play("gemini.close_58_min", **settings))


def test_a_connection_is_left_in_time_when_it_is_told_to_go(monkeypatch: Patch) -> None:
    settings: dict[str, Any] = {
        "service": {"go_away_ms": 8_000},
        "caller": script(ASK, ADVISOR, QUIET, a_while(8_000), AGAIN, ADVISOR, QUIET),
    }
    assert codes(play("gemini.go_away", **settings)) == []
    does_not_heed_go_away(monkeypatch)
    does_not_reconnect(monkeypatch)
    assert "CALLER002" in codes(play("gemini.go_away", **settings))


def test_a_connection_that_falls_silent_after_go_away_is_replaced(monkeypatch: Patch) -> None:
    settings: dict[str, Any] = {
        "service": {"go_away_ms": 4_000},
        "caller": script(ASK, ADVISOR, a_while(8_000), AGAIN, ADVISOR, QUIET),
    }
    run = play("gemini.go_away_silence", **settings)
    assert codes(run) == []
    assert connections(run)[-1] == "resumed"
    does_not_heed_go_away(monkeypatch)
    assert "CALLER001" in codes(play("gemini.go_away_silence", **settings))


def test_an_empty_frame_is_nothing(monkeypatch: Patch) -> None:
    assert codes(play("gemini.empty_frame")) == []
    feed = LiveNormaliser.feed

    def expects_something(self: LiveNormaliser, message: Any) -> Any:
        assert message.model_fields_set, "a message says something"
        return feed(self, message)

    monkeypatch.setattr(LiveNormaliser, "feed", expects_something)
    assert "CALLER001" in codes(play("gemini.empty_frame"))


def test_all_that_one_frame_says_is_heard(monkeypatch: Patch) -> None:
    assert codes(play("gemini.merged_frames")) == []
    feed = LiveNormaliser.feed

    def one_thing_a_frame(self: LiveNormaliser, message: Any) -> Any:
        if message.session_resumption_update is not None:
            message = message.model_copy(update={"tool_call": None, "server_content": None})
        return feed(self, message)

    monkeypatch.setattr(LiveNormaliser, "feed", one_thing_a_frame)
    assert {"CALLER001", "ROUTE003"} <= set(codes(play("gemini.merged_frames")))


def test_a_tool_call_that_comes_twice_is_made_once(monkeypatch: Patch) -> None:
    assert codes(play("gemini.duplicate_call_ids")) == []
    opened = PendingCalls.opened
    monkeypatch.setattr(PendingCalls, "opened", lambda self, *call: opened(self, *call) and "new")
    assert "ROUTE004" in codes(play("gemini.duplicate_call_ids"))


def test_an_id_that_was_answered_may_come_again(monkeypatch: Patch) -> None:
    assert codes(play("gemini.reused_call_ids", app=note_taking(GEMINI), mind=mind(NOTES_FIRST))) == []
    remembers_every_call_id(monkeypatch)
    run = play("gemini.reused_call_ids", app=note_taking(GEMINI), mind=mind(NOTES_FIRST))
    assert {"CALLER001", "ROUTE003"} & set(codes(run))


# Words


def test_missing_words_are_noticed_where_words_are_expected() -> None:
    assert codes(play("gemini.transcripts_missing")) == []
    run = play("gemini.transcripts_missing", expect=TOLD)
    (finding,) = run.findings
    assert (finding.code, finding.actual) == ("AUDIO005", "no more transcripts")


def test_late_words_are_told_before_the_next_agent_s(monkeypatch: Patch) -> None:
    assert codes(play("gemini.transcripts_late", expect=TOLD)) == []
    flush = LiveNormaliser._flush

    def only_before_an_answer(self: LiveNormaliser, role: Any) -> Any:
        return [] if role == "user" and self._responding else flush(self, role)

    monkeypatch.setattr(LiveNormaliser, "_flush", only_before_an_answer)
    monkeypatch.setattr(LiveNormaliser, "end", lambda self: [])
    assert "AUDIO005" in codes(play("gemini.transcripts_late", expect=TOLD))


def test_words_that_come_after_the_answer_to_them_are_noticed() -> None:
    triage = [
        {"hears": "ask-again", "says": "Yes, I am here."},
        HANDS_OVER,
    ]
    told = [{"caller": "ask-again"}, {"agent": "Yes, I am here."}, *TOLD["transcripts"]]
    settings: dict[str, Any] = {
        "mind": mind(triage),
        "caller": script(AGAIN, {"wait": {"for": "agent_speech"}}, QUIET, ASK, ADVISOR, QUIET),
        "expect": {"heard": ["ask-again", "ask-advice"], "transcripts": told},
    }
    assert codes(play(**settings)) == []
    run = play("gemini.transcripts_out_of_order", **settings)
    assert codes(run) == ["AUDIO005"]
    (finding,) = run.findings
    assert finding.actual == "agent: Yes, I am here."


# Limits


def test_one_session_at_a_time_is_enough_for_a_handoff_and_not_for_two_callers() -> None:
    service = {"sessions": 1}
    assert codes(play(service=service)) == []
    two = short_call(service=service, mind=mind())
    one = {"caller": two.pop("caller"), "expect": {}}
    two["mind"]["advisor"]["rules"].pop()
    two.pop("expect")
    calls = [{"name": "first", **one}, {"name": "second", "starts_at_ms": 500, **one}]
    run = simulate({**two, "calls": calls}, app=application(), base_dir=SCENARIOS)
    assert [call.passed for call in run.calls] == [True, False]
    assert "APP001" in codes(run)
