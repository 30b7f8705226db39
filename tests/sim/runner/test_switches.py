"""The short call while the service misbehaves.

Every switch turns the call red, or the runtime copes; then a careless one, which is this one with a part taken out,
does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim import Agent, RealtimeVoiceChannel
from roomkit_sim.errors import ScenarioError
from roomkit_sim.providers.gemini import live_session
from roomkit_sim.providers.gemini.live_connection import LiveConnection
from roomkit_sim.providers.gemini.live_events import LiveNormaliser
from roomkit_sim.providers.gemini.live_session import LiveSession
from roomkit_sim.providers.realtime import switching
from roomkit_sim.providers.realtime.pending_calls import PendingCalls
from roomkit_sim.sim import Run, simulate
from roomkit_sim.sim.runner import run as runner
from roomkit_sim.sim.runner.application import Answer
from roomkit_sim.sim.scenario.switches import switches_of
from roomkit_sim.sim.servers.switchboard import Switchboard
from tests.sim.runner.finance_line import HANDOFF, SCENARIOS, agents, application, short_call

Patch = pytest.MonkeyPatch
ASK = {"say": {"id": "ask-advice", "text": "Hello, I would like some advice about my portfolio."}}
AGAIN = {"say": {"id": "ask-again", "text": "Are you still there? I have another question."}}
ADVISOR = {"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 20_000}}
QUIET = {"wait": {"for": "agent_silence", "ms": 600}}
GREETING = "Hello, I am your portfolio advisor, and I have all the time in the world for you and for your questions."
NOTE = {
    "name": "note",
    "description": "Writes something down.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


def a_while(ms: int) -> dict[str, Any]:
    return {"wait": {"for": "time", "ms": ms}}


def script(*steps: Any) -> dict[str, Any]:
    return {"script": [a_while(1000), *steps, "hang_up"]}


def mind(triage: list[dict[str, Any]] | None = None, says: str = GREETING) -> dict[str, Any]:
    handover = {"hears": "ask-advice", "calls": {"handoff_conversation": HANDOFF}}
    advisor = [{"on": "asked_to_speak", "says": says}, {"hears": "ask-again", "says": "Yes, I am here."}]
    return {
        "triage": {"when": "Role: Triage receptionist", "rules": triage or [handover]},
        "advisor": {"when": "Role: Portfolio advisor", "rules": advisor},
    }


def play(*switches: str, app: Answer | None = None, expect: dict[str, Any] | None = None, **changes: Any) -> Run:
    scenario = short_call(**{"mind": mind(), "switches": [*switches], **changes})
    if "ask-again" in str(scenario["caller"]):
        scenario["expect"]["heard"] = ["ask-advice", "ask-again"]
    else:
        scenario["mind"]["advisor"]["rules"] = scenario["mind"]["advisor"]["rules"][:1]
    scenario["expect"] = {**scenario["expect"], **(expect or {})}
    return simulate(scenario, app=app or application(), base_dir=SCENARIOS)


def codes(run: Run) -> list[str]:
    return list(dict.fromkeys(finding.code for finding in run.findings))


def message(run: Run, code: str) -> str:
    return next(finding.message for finding in run.findings if finding.code == code)


def connections(run: Run) -> list[Any]:
    return [event.data["step"] for event in run.record.events if event.name == "runtime.connection"]


# What a careless runtime leaves out


def does_not_tell_again(monkeypatch: Patch) -> None:
    """A connection that begins fresh is not told what was said."""
    monkeypatch.setattr(live_session, "seed_contents", lambda turns: [])


def does_not_reconnect(monkeypatch: Patch) -> None:
    """A lost connection ends the call."""
    monkeypatch.setattr(switching, "should_reconnect", lambda *args, **settings: False)


def does_not_heed_go_away(monkeypatch: Patch) -> None:
    """A connection is used until it is closed."""

    async def ignore(self: LiveSession, event: Any, connection: Any) -> None:
        return None

    monkeypatch.setattr(LiveSession, "_go_away", ignore)


# Where the caller notices


@pytest.mark.parametrize(
    ("status", "text"),
    [(401, "the API key is not accepted"), (403, "may not use this model"), (429, "too many requests"), (503, "503")],
)
def test_an_upgrade_that_is_refused_fails_the_application_and_says_why(status: int, text: str) -> None:
    run = play(f"any.upgrade_{status}")
    assert codes(run)[0] == "APP001"
    assert text in message(run, "APP001")


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


def test_a_model_that_only_says_that_it_transfers_leaves_the_caller_waiting() -> None:
    run = play("any.talks_instead_of_tool")
    assert {"CALLER001", "ROUTE002"} <= set(codes(run))
    assert [event.data["text"] for event in run.record.events if event.name == "server.said"] == [
        "I am transferring you now."
    ]


def test_a_call_that_is_spoken_is_made_all_the_same_and_reported() -> None:
    run = play("any.speaks_the_call", caller=script(ASK, ADVISOR, QUIET))
    assert codes(run) == ["APP005"]
    assert "pronounced a call of the tool 'handoff_conversation'" in message(run, "APP005")
    assert run.handoffs[0].handoff.completed


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

        channel.provider.on_connection(lambda session, step, detail: _later(tell) if step == "opened" else None)

    app = application(after_install=update_inside)
    service = {"context_update": True}
    assert codes(play(app=app, service=service)) == []
    run = play("gemini.rejects_context_update", app=app, service=service)
    assert "APP002" in codes(run)
    assert "contextUpdate is not supported by this model" in message(run, "APP002")


_tasks: list[asyncio.Task[Any]] = []


def _later(work: Callable[[], Any]) -> None:
    _tasks.append(asyncio.get_running_loop().create_task(work()))


# Where the runtime copes, and a careless one would not


def test_a_call_in_which_nothing_misbehaves_is_green() -> None:
    assert codes(play()) == []


def _long_winded() -> list[Agent]:
    advisor = Agent("agent-advisor", role="Portfolio advisor. " + "Be kind. " * 300, voice="Charon")
    return [agents()[0], advisor]


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
    app = application(make_agents=_long_winded)
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

        _later(leave)

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


def note_taking(seconds: float = 0.0) -> Answer:
    """The application with another tool, which takes so long."""

    def channel(*args: Any, **settings: Any) -> RealtimeVoiceChannel:
        async def write_down(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            await asyncio.sleep(seconds)
            return {"noted": True}

        return RealtimeVoiceChannel(*args, tools=[NOTE], tool_handler=write_down, **settings)

    return application(channel=channel)


def test_an_id_that_was_answered_may_come_again(monkeypatch: Patch) -> None:
    triage = [
        {"hears": "ask-advice", "calls": {"note": {"text": "advice"}}},
        {"on": "tool_result", "contains": "noted", "calls": {"handoff_conversation": HANDOFF}},
    ]
    assert codes(play("gemini.reused_call_ids", app=note_taking(), mind=mind(triage))) == []
    seen: dict[str, None] = {}

    def ever_seen(self: PendingCalls, call_id: str, name: str, arguments: object) -> str:
        self._waiting[call_id] = (name, arguments)
        is_new = call_id not in seen
        seen[call_id] = None
        return "new" if is_new else "again"

    monkeypatch.setattr(PendingCalls, "opened", ever_seen)
    run = play("gemini.reused_call_ids", app=note_taking(), mind=mind(triage))
    assert {"CALLER001", "ROUTE003"} & set(codes(run))


def test_a_handoff_waits_for_another_tool_of_its_batch_but_not_for_ever() -> None:
    assert codes(play("any.parallel_tools", app=note_taking(1.0))) == []
    run = play("any.parallel_tools", app=note_taking(4.0))
    assert "APP005" in codes(run)
    assert "waits for the result of call" in message(run, "APP005")


# Frames in parts: what a WebSocket library does for a client


async def _fragment_by_fragment(self: Any, decode: bool | None = None) -> Any:
    waiting = self.__dict__.setdefault("fragments", [])
    if not waiting:
        waiting += [fragment async for fragment in self.recv_streaming(decode=False)]
    return waiting.pop(0)


@pytest.mark.parametrize("switch", ["any.fragmented_frames", "any.slow_frames"])
def test_a_frame_in_fragments_is_one_frame(switch: str, monkeypatch: Patch) -> None:
    from websockets.asyncio.client import ClientConnection

    assert codes(play(switch)) == []
    monkeypatch.setattr(ClientConnection, "recv", _fragment_by_fragment)
    assert "APP001" in codes(play(switch))


def test_a_frame_in_segments_is_one_frame(monkeypatch: Patch) -> None:
    from websockets.asyncio.client import ClientConnection

    assert codes(play("any.segmented_frames")) == []
    received = ClientConnection.data_received

    def segment_by_segment(self: Any, data: bytes) -> None:
        # Text goes on here: no frame of the server begins with a printable character.
        if data.startswith(b"HTTP/") or not data[:1].isascii():
            received(self, data)

    monkeypatch.setattr(ClientConnection, "data_received", segment_by_segment)
    assert not play("any.segmented_frames").passed


# Words


TOLD = {"transcripts": [{"caller": "ask-advice"}, {"agent": GREETING}]}


def test_words_are_told_in_the_order_in_which_they_were_said() -> None:
    assert codes(play(expect=TOLD)) == []


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
        {"hears": "ask-advice", "calls": {"handoff_conversation": HANDOFF}},
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


# Limits, moments, names


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


@pytest.mark.parametrize(("status", "refusals", "survives"), [(503, 1, True), (429, 1, True), (503, 9, False)])
def test_a_refusal_at_the_handoff_is_tried_again(
    status: int, refusals: int, survives: bool, monkeypatch: Patch
) -> None:
    class AfterTheFirst(Switchboard):
        asked = 0

        def is_on(self, name: str) -> bool:
            if not name.startswith("any.upgrade"):
                return super().is_on(name)
            self.asked += name.endswith(str(status))
            return name.endswith(str(status)) and 1 < self.asked <= 1 + refusals

    monkeypatch.setattr(runner, "Switchboard", AfterTheFirst)
    run = play()
    assert (codes(run) == []) is survives
    if not survives:
        assert {"ROUTE003", "CALLER001"} & set(codes(run))


def test_a_switch_that_does_nothing_makes_the_call_invalid() -> None:
    run = play("any.parallel_tools")
    assert codes(run) == ["INVALID010"]
    assert "the moment of any.parallel_tools never came" in message(run, "INVALID010")
    assert run.calls[0].verdict == "invalid"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gemini.go_awy", "unknown switch 'gemini.go_awy': did you mean 'gemini.go_away'?"),
        ("upgrade_429", "did you mean 'any.upgrade_429'?"),
    ],
)
def test_a_misspelt_switch_is_told_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        play(name)
    assert hint in str(raised.value)


def test_a_switch_that_stands_twice_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"switches\.1: switch 'gemini\.go_away' stands here twice"):
        play("gemini.go_away", "gemini.go_away")


def test_every_switch_has_its_scenario() -> None:
    text = Path(__file__).read_text()
    names = [switch.name for switch in switches_of("gemini-live")]
    assert [name for name in names if f'"{name}"' not in text and not name.startswith("any.upgrade_")] == []
