"""How a conversation goes on: resumed on another connection, with which handle, or changed inside its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from roomkit_sim.sim.scenario.mind import Persona, Rule
from roomkit_sim.sim.scenario.service import Service
from tests.sim.servers.switched import (
    CALLS,
    SPEAKS,
    TOOLS,
    play,
    resume,
    spoken_to,
)

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


# Resuming


def test_a_resumed_session_keeps_the_old_voice(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.resume_keeps_voice"])

    async def main() -> None:
        second = await resume(stage, await stage.open(voice="Kore"), voice="Puck")
        await second.text(("user", "Go on."))
        await second.turn()

    play(stage, main, "gemini.resume_keeps_voice")
    assert [event.data["voice"] for event in stage.traced("persona")] == ["Kore", "Kore"]
    assert stage.traced("said")[0].data["voice"] == "Kore"


def test_a_voice_that_stays_is_no_misbehaviour(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.resume_keeps_voice"])

    async def main() -> None:
        second = await resume(stage, await stage.open(voice="Kore"), voice="Kore")
        await second.until("setupComplete")

    play(stage, main)
    assert stage.server.switches.acted == ()


def test_audio_breaks_off_in_the_first_answer_after_a_resume_only(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.resume_cuts_audio"])

    async def main() -> tuple[list[int], Client]:
        first = await stage.open()
        await first.text(("user", "Begin."))
        await first.turn()
        second = await resume(stage, first)
        lengths = [len(first.pcm())]
        for count in (1, 2):
            await second.text(("user", "Go on."))
            await second.turn(count)
            lengths.append(len(second.pcm()) - sum(lengths[1:]))
        return lengths, second

    (whole, cut, again), second = play(stage, main, "gemini.resume_cuts_audio")
    assert cut == 24_000
    assert whole == again > 2 * cut
    assert second.of("serverContent", "generationComplete") == [True, True]


@pytest.mark.parametrize(
    ("switch", "known", "reaction"),
    [
        ("", 6, "Where were we?"),
        ("gemini.resume_loses_most_context", 2, "Where were we?"),
        ("gemini.resume_loses_context", 0, "Welcome."),
    ],
)
def test_context_is_lost_by_a_resume(make_stage: MakeStage, switch: str, known: int, reaction: str) -> None:
    rules = ({"on": "connected", "says": "Welcome."}, {"on": "resumed", "says": "Where were we?"})
    stage = make_stage(*rules, switches=[switch] if switch else [])

    async def main() -> str:
        first = await stage.open()
        await first.turn()
        await first.text(("user", "One."), ("model", "Two."), complete=False)
        await first.text(("user", "Three."))
        await first.say("ask")
        await first.turn(2)
        second = await resume(stage, first, count=first_handles(first) + 1)
        await second.turn()
        return second.words()

    assert play(stage, main, *([switch] if switch else [])) == reaction
    assert stage.traced("resumed")[0].data["turns"] == known


def first_handles(client: Client) -> int:
    return len(client.of("sessionResumptionUpdate", "newHandle"))


@pytest.mark.parametrize(
    ("switch", "code", "settings"),
    [
        ("gemini.handle_expired", 1008, {}),
        ("gemini.handle_other_model", 1007, {}),
        ("gemini.old_socket_open", 1008, {"close": False}),
        ("gemini.resume_rejects_long_instructions", 1007, {"instructions": "Role: Triage." + " Be kind." * 300}),
        ("gemini.session_limit", 1011, {}),
    ],
)
def test_a_resume_is_turned_away(make_stage: MakeStage, switch: str, code: int, settings: dict[str, Any]) -> None:
    stage = make_stage()

    async def main() -> Client:
        first = await stage.open()
        stage.server.switches.flip(switch)
        second = await resume(stage, first, **settings)
        await second.closed()
        return second

    second = play(stage, main, switch)
    assert (second.code, second.of("setupComplete")) == (code, [])
    assert stage.traced("turned_away")[0].data["code"] == code
    assert stage.traced("refused") == []


@pytest.mark.parametrize(
    ("switch", "acts"), [("gemini.old_socket_open", True), ("gemini.resume_rejects_long_instructions", False)]
)
def test_a_resume_that_meets_no_condition_of_the_switch_is_taken(
    make_stage: MakeStage, switch: str, acts: bool
) -> None:
    stage = make_stage(switches=[switch])

    async def main() -> None:
        second = await resume(stage, await stage.open())
        await second.until("setupComplete")

    play(stage, main, *([switch] if acts else []))


# Handles


def test_a_server_that_never_resumes_says_so_where_a_handle_would_be(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS | {"calls": {}, "says": "Certainly."}, switches=["gemini.not_resumable"])

    async def main() -> Client:
        client = await spoken_to(stage)
        await asyncio.sleep(1)
        return client

    client = play(stage, main, "gemini.not_resumable")
    assert client.of("sessionResumptionUpdate") == [{"resumable": False}] * 3


def test_the_first_connection_drops_before_it_has_a_handle(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS | {"calls": {}, "says": "Certainly."}, switches=["gemini.no_handle_yet"])

    async def main() -> tuple[Client, Client]:
        first = await stage.open()
        with pytest.raises(Exception, match="no close frame"):
            await first.say("ask")
        await first.closed()
        second = await spoken_to(stage)
        await second.handle()
        return first, second

    first, _ = play(stage, main, "gemini.no_handle_yet")
    assert first.code == 1006
    assert first.of("sessionResumptionUpdate") == []


# Changes inside a connection


@pytest.mark.parametrize(
    ("service", "switches", "code"),
    [
        (Service(), (), 1007),
        (Service(context_update=True), (), None),
        (Service(context_update=True), ("gemini.rejects_context_update",), 1007),
    ],
)
def test_instructions_change_inside_a_connection_where_the_model_allows_it(
    make_stage: MakeStage, service: Service, switches: tuple[str, ...], code: int | None
) -> None:
    personas = {"triage": Persona(when="Role: Triage"), "advisor": Persona(when="Advisor", rules=(Rule(**SPEAKS),))}
    stage = make_stage(personas=personas, service=service, switches=switches)

    async def main() -> tuple[Client, int | None]:
        client = await stage.open(voice="Kore")
        content = {"parts": [{"text": "Role: Advisor"}], "role": "user"}
        update = {"systemInstruction": content, "tools": {"tools": TOOLS}}
        await client.send({"contextUpdate": update})
        await client.text(("user", "Go on."))
        await (client.turn() if code is None else client.closed())
        return client, client.code

    client, closed = play(stage, main, *switches)
    assert closed == code
    if code is None:
        assert stage.traced("persona")[-1].data == {
            "conn": 1, "name": "advisor", "agent": "agent-advisor", "voice": "Kore"
        }  # fmt: skip
        assert list(stage.session.setup.functions) == ["transfer", "note"]
        assert client.words() == SPEAKS["says"]
