"""A recorded call reads like a conversation."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.library import open_cassette
from roomkit_sim.sim.cassette.model import Cassette, Header
from roomkit_sim.sim.cassette.showing import show
from roomkit_sim.sim.runner.simulate import simulate
from roomkit_sim.sim.scenario.mode import Mode
from roomkit_sim.sim.world.world import World
from tests.sim.cassette.exchange import dial, hear, record, say
from tests.sim.cassette.stage import TRIAGE


@pytest.fixture(scope="session")
def triage_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped call on both wires, recorded."""
    folder = tmp_path_factory.mktemp("recordings")
    for provider in ("gemini-live", "openai-realtime"):
        simulate(TRIAGE, provider=provider, mode=Mode(recording="all", recordings=folder))
    return folder


def lines_of(folder: Path, provider: str) -> list[str]:
    [path] = sorted((folder / provider).iterdir())
    return show(open_cassette(path))


@pytest.mark.parametrize("provider", ["gemini-live", "openai-realtime"])
def test_who_said_what_when_is_shown(triage_calls: Path, provider: str) -> None:
    lines = lines_of(triage_calls, provider)
    shown = [re.sub(r"^ +[\d.]+  ", "", line) for line in lines]
    said = [re.sub(r" \[[\d.]+ s\]$", "", line) for line in shown if re.search(r" \[[\d.]+ s\]$", line)]
    assert said == [
        "triage: Good morning, this is the finance line. How can I help you?",
        "CALLER: Hello, I would like some advice about my portfolio.",
        "advisor: Hello, I am your portfolio advisor. What would you like to know?",
        "CALLER: Should I move my savings into bonds this year?",
        "advisor: A small share of bonds makes your savings steadier.",
    ]
    assert any(line.startswith("   HANDOFF triage calls handoff_conversation") for line in shown)
    assert "-- connection 2 closed by the client, code 1000" in shown
    assert "recorded from our own server: says nothing of the service" in lines[0]
    times = [float(line[:8]) for line in lines[3:]]
    assert times == sorted(times)


def test_interruptions_errors_and_failed_connections_are_shown() -> None:
    async def service(socket: Any) -> None:
        await say(socket, type="response.output_audio_transcript.delta", item_id="i", delta="Let me tell you")
        await say(socket, type="response.done", response={"status": "cancelled"})
        await say(socket, type="error", error={"message": "no such item"})
        await say(socket, goAway={"timeLeft": "5s"})
        await socket.close(1011, "out of order")

    async def client(world: World) -> None:
        async with dial() as socket:
            for _ in range(4):
                await hear(socket)
            await socket.wait_closed()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.04):
                await dial()

    _, cassette = record(service, client)
    text = "\n".join(show(cassette))
    for part in (
        "agent: Let me tell you [0.0 s] -- interrupted",
        "error: no such item",
        "the service will end the connection in 5s",
        "-- connection 1 closed by the server, code 1011: out of order",
        "-- connection 2 to service.test, never answered",
    ):
        assert part in text


def test_an_empty_cassette_can_be_shown() -> None:
    header = Header("simulated", "test", {}, (), "2030-01-01T00:00:00Z")
    assert show(Cassette(header, ()))[1:] == ["no model named; no versions known", ""]


def test_a_cassette_is_opened_by_its_folder_or_its_file(triage_calls: Path) -> None:
    [path] = sorted((triage_calls / "gemini-live").iterdir())
    assert open_cassette(path) == open_cassette(path / "cassette.jsonl")


def test_what_is_no_cassette_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="there is no cassette here"):
        open_cassette(tmp_path)
