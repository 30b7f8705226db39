"""Connections that are refused, announced to end, or ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from roomkit_sim.sim.scenario.service import Service
from tests.sim.servers.switched import (
    SPEAKS,
    play,
    resume,
)

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


# The upgrade


@pytest.mark.parametrize(
    ("switch", "status"),
    [("any.upgrade_401", 401), ("any.upgrade_403", 403), ("any.upgrade_429", 429), ("any.upgrade_503", 503)],
)
def test_an_upgrade_is_refused_with_the_status_of_the_switch(make_stage: MakeStage, switch: str, status: int) -> None:
    stage = make_stage(switches=[switch])

    async def main() -> int:
        with pytest.raises(InvalidStatus) as refused:
            await stage.dial()
        return refused.value.response.status_code

    assert play(stage, main, switch) == status
    assert stage.server.sessions == []


def test_a_switch_that_is_flipped_while_the_server_runs_counts_from_then_on(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> None:
        await stage.open()
        stage.server.switches.flip("any.upgrade_503")
        with pytest.raises(InvalidStatus):
            await stage.dial()
        stage.server.switches.flip("any.upgrade_503", on=False)
        await stage.open()

    play(stage, main, "any.upgrade_503")


# Ends


def test_the_deadline_closes_a_conversation_and_spoils_its_handles(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.close_58_min"], service=Service(deadline_ms=5_000))

    async def main() -> tuple[float, Client, Client]:
        first = await stage.open()
        await first.closed()
        at_ms = stage.now_ms
        second = await resume(stage, first)
        await second.closed()
        return at_ms, first, second

    at_ms, first, second = play(stage, main, "gemini.close_58_min")
    assert (first.code, second.code) == (1011, 1007)
    assert "Deadline expired" in first.reason
    assert 5_000 <= at_ms <= 5_100


def test_a_resumed_conversation_keeps_its_age(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.close_58_min"], service=Service(deadline_ms=5_000))

    async def main() -> float:
        first = await stage.open()
        await asyncio.sleep(3)
        second = await resume(stage, first)
        await second.closed()
        return stage.now_ms

    assert 5_000 <= play(stage, main, "gemini.close_58_min") <= 5_100


def test_go_away_comes_in_the_middle_of_an_answer(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.go_away"], service=Service(go_away_ms=1_000))

    async def main() -> Client:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.closed()
        return client

    client = play(stage, main, "gemini.go_away")
    [(told_ms, said)] = client.timed("goAway")
    (first_audio_ms, _), *more = client.timed("serverContent", "modelTurn")
    assert said == {"timeLeft": "1s"}
    assert first_audio_ms <= told_ms < more[-1][0]
    assert (client.code, client.of("serverContent", "turnComplete")) == (1001, [])


def test_nothing_comes_after_a_go_away_that_falls_silent(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["gemini.go_away_silence"])

    async def main() -> tuple[Client, bool]:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.until("goAway")
        await asyncio.sleep(30)
        still_open = client.code is None
        await client.socket.close()
        second = await stage.open()
        await second.text(("user", "Begin."))
        await second.turn()
        return client, still_open

    client, still_open = play(stage, main, "gemini.go_away_silence")
    assert still_open
    assert client.kinds()[-1] == "goAway"


def test_a_connection_is_told_to_go_before_its_time_is_up(make_stage: MakeStage) -> None:
    stage = make_stage(service=Service(connection_ms=5_000, go_away_ms=2_000))

    async def main() -> tuple[Client, float]:
        client = await stage.open()
        await client.closed()
        return client, stage.now_ms

    client, closed_ms = play(stage, main)
    [(told_ms, said)] = client.timed("goAway")
    assert (said, client.code) == ({"timeLeft": "2s"}, 1001)
    assert (round(told_ms / 100), round(closed_ms / 100)) == (31, 51)


@pytest.mark.parametrize(("compression", "code"), [(None, 1008), ({"slidingWindow": {}}, None)])
def test_a_conversation_ends_after_its_time_unless_its_context_is_compressed(
    make_stage: MakeStage, compression: dict[str, Any] | None, code: int | None
) -> None:
    stage = make_stage(service=Service(session_ms=4_000))

    async def main() -> tuple[int | None, int | None]:
        first = await stage.open(contextWindowCompression=compression)
        await asyncio.sleep(5)
        second = await resume(stage, first, contextWindowCompression=compression)
        await asyncio.sleep(1)
        codes = first.code, second.code
        await second.socket.close()
        return codes

    assert play(stage, main) == ((1000, None) if code is None else (code, code))


def test_no_more_connections_are_set_up_than_the_service_allows(make_stage: MakeStage) -> None:
    stage = make_stage(service=Service(sessions=1))

    async def main() -> list[int | None]:
        first = await stage.open()
        second = await stage.dial()
        await second.setup("Role: Triage")
        await second.closed()
        await first.socket.close()
        third = await stage.open()
        return [second.code, third.code]

    assert play(stage, main) == [1011, None]
