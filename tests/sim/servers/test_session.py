"""Setting a session up, resuming it, its announced and unannounced ends, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
TOOL = [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]
CALLS = {"on": "asked_to_speak", "calls": {"f": {}}}
SPEAKS = {"on": "asked_to_speak", "says": "Hello, this is triage."}


# Setup


def test_a_setup_is_acknowledged_after_its_latency(make_stage: MakeStage) -> None:
    stage = make_stage(latency=Latency(setup_ms=80))

    async def main() -> Client:
        return await stage.open()

    assert stage.run(main).frames == [(80, {"setupComplete": {}})]


def test_the_persona_is_found_by_the_instructions_and_keeps_the_voice(make_stage: MakeStage) -> None:
    stage = make_stage(personas={"triage": Persona(when="Role: Triage"), "advisor": Persona(when="/adv[io]sor/")})

    async def main() -> None:
        await stage.open("You are the advisor.", voice="Kore")

    stage.run(main)
    [event] = stage.traced("persona")
    assert event.data == {"conn": 1, "name": "advisor", "agent": "agent-advisor", "voice": "Kore"}


def test_a_session_whose_instructions_nobody_matches_says_so_aloud(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open("Role: Unheard of")
        await client.text(("user", "Begin."))
        await client.turn()
        return client

    assert stage.run(main).words() == "I do not know who I am supposed to be."
    assert stage.traced("persona")[0].data["name"] == "unknown"


def test_a_rule_may_speak_when_the_session_begins(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": "Welcome."})

    async def main() -> Client:
        client = await stage.open()
        await client.turn()
        return client

    assert stage.run(main).words() == "Welcome."


# Resumption


def test_a_handle_is_offered_after_the_setup_only_to_those_who_asked(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> tuple[Client, Client]:
        asking, silent = await stage.open(), await stage.open(sessionResumption=None)
        await asyncio.sleep(1)
        return asking, silent

    asking, silent = stage.run(main)
    assert asking.of("sessionResumptionUpdate") == [{"newHandle": "handle-1", "resumable": True}]
    assert silent.of("sessionResumptionUpdate") == []


def test_a_resumed_session_goes_on_with_the_conversation_under_another_persona_and_voice(
    make_stage: MakeStage,
) -> None:
    advisor = Persona(when="Role: Advisor", rules=(Rule(on="resumed", says="I have read everything."),))
    stage = make_stage(personas={"triage": Persona(when="Role: Triage"), "advisor": advisor})

    async def main() -> Client:
        first = await stage.open()
        await first.handle()
        await first.text(("user", "My name is Ada."), complete=False)
        await first.text(("user", "Go on."))
        await first.turn()
        handle = await first.handle(2)
        await first.socket.close()
        second = await stage.open("Role: Advisor", voice="Puck", sessionResumption={"handle": handle})
        await second.turn()
        return second

    second = stage.run(main)
    assert second.words() == "I have read everything."
    [resumed] = stage.traced("resumed")
    assert resumed.data == {"conn": 2, "handle": "handle-2", "turns": 3}
    assert stage.session.conversation.turns[:2] == [("user", "My name is Ada."), ("user", "Go on.")]
    assert stage.traced("said")[-1].data["voice"] == "Puck"


def test_resuming_takes_its_own_latency(make_stage: MakeStage) -> None:
    stage = make_stage(latency=Latency(setup_ms=80, resume_ms=300))

    async def main() -> float:
        first = await stage.open()
        handle = await first.handle()
        start = stage.now_ms
        await stage.open(sessionResumption={"handle": handle})
        return stage.now_ms - start

    assert stage.run(main) == 300


def test_a_handle_stands_for_the_conversation_as_it_was_when_it_was_issued(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> None:
        first = await stage.open()
        handle = await first.handle()
        await first.text(("user", "Said after the handle."))
        await first.turn()
        await stage.open(sessionResumption={"handle": handle})

    stage.run(main)
    assert stage.session.conversation.turns == []


def test_rules_that_are_used_up_stay_so_after_a_resumption(make_stage: MakeStage) -> None:
    stage = make_stage({**SPEAKS, "times": 1}, {"on": "asked_to_speak", "says": "Again?"})

    async def main() -> Client:
        first = await stage.open()
        await first.handle()
        await first.text(("user", "Begin."))
        await first.turn()
        second = await stage.open(sessionResumption={"handle": await first.handle(2)})
        await second.text(("user", "Begin."))
        await second.turn()
        return second

    assert stage.run(main).words() == "Again?"


async def refused_setup(stage: Stage, **setup: Any) -> tuple[int | None, str]:
    client = await stage.dial()
    await client.setup("Role: Triage", **setup)
    closed = await client.closed()
    assert client.frames == [], "nothing may come before the close"
    return closed


def test_a_handle_that_was_never_issued_is_refused_before_the_acknowledgement(make_stage: MakeStage) -> None:
    stage = make_stage()
    closed = stage.run(lambda: refused_setup(stage, sessionResumption={"handle": "handle-9"}))
    assert closed == (1008, "Invalid session handle")
    assert stage.traced("refused")[0].data["why"] == "Invalid session handle"


def test_an_expired_handle_is_refused(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Any:
        handle = await (await stage.open()).handle()
        stage.server.handles.forget_all()
        return await refused_setup(stage, sessionResumption={"handle": handle})

    assert stage.run(main) == (1008, "Invalid session handle")


def test_a_handle_of_another_model_is_refused(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Any:
        handle = await (await stage.open()).handle()
        return await refused_setup(stage, sessionResumption={"handle": handle}, model="models/another")

    assert stage.run(main) == (1007, "Session handle was issued for another model")


def test_a_session_is_not_resumable_while_it_speaks_and_is_again_after_the_turn(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open()
        await client.handle()
        await client.text(("user", "Begin."))
        await client.turn()
        await client.handle(2)
        return client

    client = stage.run(main)
    updates = [(at, update["resumable"]) for at, update in client.timed("sessionResumptionUpdate")]
    [(done_at, _)] = client.timed("serverContent", "turnComplete")
    first_audio_at = client.timed("serverContent", "modelTurn")[0][0]
    assert [resumable for _, resumable in updates] == [True, False, True]
    assert updates[1][0] < first_audio_at
    assert updates[2][0] == done_at + Latency().handle_ms
    assert "newHandle" not in client.of("sessionResumptionUpdate")[1]


def test_no_handle_is_issued_while_a_tool_call_is_open(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS)

    async def main() -> list[Any]:
        client = await stage.open(tools=TOOL)
        await client.text(("user", "Begin."))
        [call] = (await client.until("toolCall"))["functionCalls"]
        await asyncio.sleep(5)
        before = [update["resumable"] for update in client.of("sessionResumptionUpdate")]
        await client.answer(call["id"], {"ok": True})
        await client.turn()
        await client.handle(before.count(True) + 1)
        return before

    assert stage.run(main)[-1] is False


def test_the_first_handle_is_withheld_when_the_model_speaks_first(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": "Welcome to the service."}, latency=Latency(handle_ms=500))

    async def main() -> Client:
        client = await stage.open()
        await client.handle()
        return client

    client = stage.run(main)
    [(done_at, _)] = client.timed("serverContent", "turnComplete")
    assert client.timed("sessionResumptionUpdate", "newHandle")[0][0] > done_at


# The end


def test_going_away_is_announced_and_then_done(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> tuple[float, Client, Any]:
        client = await stage.open()
        start = stage.now_ms
        stage.session.announce_end(2500)
        return start, client, await client.closed()

    start, client, closed = stage.run(main)
    assert client.timed("goAway") == [(start, {"timeLeft": "2.5s"})]
    assert closed == (1001, "going away")
    assert stage.now_ms - start == 2500
    assert not stage.session.is_open


def test_a_session_that_was_left_in_time_is_not_closed_again(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Any:
        client = await stage.open()
        stage.session.announce_end(2500)
        await client.until("goAway")
        await client.socket.close()
        await asyncio.sleep(10)
        return await client.closed()

    assert stage.run(main)[0] == 1000


def test_a_turn_ends_with_its_connection(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": "One moment please. " * 10})

    async def main() -> None:
        client = await stage.open()
        await client.until("serverContent", "modelTurn")
        await client.socket.close()
        await asyncio.sleep(30)

    stage.run(main)
    assert not stage.session.is_open
    assert stage.session.conversation.turns == []


# Refusals


@pytest.mark.parametrize("path", ["/", "/ws/google.ai.generativelanguage.v1.GenerativeService.Other", "/v1/realtime"])
def test_another_path_is_not_found(make_stage: MakeStage, path: str) -> None:
    stage = make_stage()
    with pytest.raises(InvalidStatus) as caught:
        stage.run(lambda: stage.dial(path=path))
    assert caught.value.response.status_code == 404


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
@pytest.mark.parametrize("slashes", ["/", "//"])
def test_every_version_of_the_api_is_served(make_stage: MakeStage, version: str, slashes: str) -> None:
    stage = make_stage()
    path = f"{slashes}ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"

    async def main() -> Any:
        client = await stage.dial(path=path)
        await client.setup("Role: Triage")
        return await client.until("setupComplete")

    assert stage.run(main) == {}


@pytest.mark.parametrize("headers", [{}, {"x-goog-api-key": ""}])
def test_a_missing_key_is_forbidden(make_stage: MakeStage, headers: dict[str, str]) -> None:
    stage = make_stage()
    with pytest.raises(InvalidStatus) as caught:
        stage.run(lambda: stage.dial(headers=headers))
    assert caught.value.response.status_code == 403


def test_a_token_in_place_of_a_key_is_taken(make_stage: MakeStage) -> None:
    stage = make_stage()
    headers = {"Authorization": "Token auth_tokens/simulated"}
    path = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContentConstrained"
    assert stage.run(lambda: stage.dial(path=path, headers=headers)) is not None


async def refusal_of(stage: Stage, *messages: dict[str, Any], set_up: bool = True) -> tuple[int | None, str]:
    client = await stage.open(tools=TOOL) if set_up else await stage.dial()
    for message in messages:
        await client.send(message)
    return await client.closed()


QUIET = {"realtime_input": {"audio": {"data": "AAAA" * 4, "mime_type": "audio/pcm;rate=16000"}}}
QUIET_24K = {"realtime_input": {"audio": {"data": "AAAA" * 4, "mime_type": "audio/pcm;rate=24000"}}}
SETUP = {"setup": {"model": "models/x", "generationConfig": {"responseModalities": ["AUDIO"]}}}
RESULT = {"tool_response": {"functionResponses": [{"id": "function-call-1", "name": "f", "response": {}}]}}
NO_DETECTION = {"automatic_activity_detection": {"disabled": True}}


@pytest.mark.parametrize(
    ("message", "set_up", "why"),
    [
        (QUIET, False, "The first message must be setup."),
        (RESULT, False, "The first message must be setup."),
        (SETUP, True, "setup may be sent once only."),
        (QUIET_24K, True, "Audio at 24000 Hz: this model hears audio/pcm;rate=16000."),
        (RESULT, True, "toolResponse for a call that is not open: 'function-call-1'."),
        ({"realtime_input": {"activityStart": {}}}, True, "Explicit activity control is not supported"),
        ({"setup": {**SETUP["setup"], "realtimeInputConfig": NO_DETECTION}}, False, "must not be disabled"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection_and_says_why(
    make_stage: MakeStage, message: dict[str, Any], set_up: bool, why: str
) -> None:
    stage = make_stage()
    code, reason = stage.run(lambda: refusal_of(stage, message, set_up=set_up))
    assert code == 1007
    assert why in reason
    assert why in str(stage.traced("refused")[0].data["why"])


@pytest.mark.parametrize("name", ["x" * 300, "ä" * 100, "half \ud83d"])
def test_a_reason_too_long_for_a_close_frame_is_cut(make_stage: MakeStage, name: str) -> None:
    stage = make_stage()
    code, reason = stage.run(lambda: refusal_of(stage, {"setup": {name: 1}}, set_up=False))
    assert code == 1007
    assert reason.startswith("Invalid JSON payload received. Unknown name")
    assert len(reason.encode()) <= 123


def test_text_while_a_tool_call_is_open_ends_the_connection(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS)

    async def main() -> Any:
        client = await stage.open(tools=TOOL)
        await client.text(("user", "Begin."))
        await client.until("toolCall")
        await client.text(("user", "By the way."))
        return await client.closed()

    code, reason = stage.run(main)
    assert (code, "clientContent while a tool call is open" in reason) == (1007, True)


def test_a_result_is_taken_once(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS)

    async def main() -> Any:
        client = await stage.open(tools=TOOL)
        await client.text(("user", "Begin."))
        [call] = (await client.until("toolCall"))["functionCalls"]
        await client.answer(call["id"], {"ok": True})
        await client.answer(call["id"], {"ok": True})
        return await client.closed()

    assert stage.run(main)[0] == 1007


def test_a_defect_of_the_fake_ends_the_connection_and_is_reported(
    make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage({"on": "connected", "says": "Welcome."})
    monkeypatch.setattr("roomkit_sim.sim.servers.gemini_live.turn.speak", lambda *arguments: 1 / 0)

    async def main() -> Any:
        client = await stage.open()
        closed = await client.closed()
        assert "fake service broke in model turn on 1: ZeroDivisionError" in stage.world.unhandled.pop()
        return closed

    assert stage.run(main)[0] == 1011
