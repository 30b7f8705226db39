"""On real loopback sockets, over TLS, with the real google-genai SDK: recorded, and replayed there and in a world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.genai import types

from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.model import Cassette, Close
from roomkit_sim.sim.cassette.recorder import CassetteRecorder
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.servers.gemini_live.server import HOST
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.real_network import RealConnection
from roomkit_sim.sim.world.real_time import RealTimeWorld
from roomkit_sim.sim.world.world import World
from tests.sim.servers.test_real_socket import (
    MODEL,
    config,
    has_handle,
    heard,
    messages_until,
    new_server,
    say,
    words,
)

PATIENCE_NS = 30_000_000_000


async def call() -> list[str | bytes]:
    """A tool call, its result, and a second connection that goes on with the first: what the client heard."""
    live = genai.Client(api_key="simulated").aio.live
    result: list[str | bytes] = []
    async with live.connect(model=MODEL, config=config("Triage", "Kore")) as session:
        await say(session)
        asking = await messages_until(session, lambda message: message.tool_call)
        [wanted] = asking[-1].tool_call.function_calls or []  # type: ignore[union-attr]
        answer = types.FunctionResponse(id=wanted.id, name=wanted.name, response={"result": "accepted"})
        await session.send_tool_response(function_responses=answer)
        told = await messages_until(session, has_handle)
        result += [words(asking, "input_transcription"), words(told, "output_transcription"), heard(told)]
        update = told[-1].session_resumption_update
    assert update is not None
    async with live.connect(model=MODEL, config=config("Advisor", "Puck", update.new_handle)) as session:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "Go on."}]})
        greeting = await messages_until(session, lambda message: message.usage_metadata)
        result += [words(greeting, "output_transcription"), heard(greeting)]
    return result


@pytest.fixture(scope="module")
def recorded() -> tuple[list[str | bytes], Cassette]:
    world = RealTimeWorld(seed=0, budget_ns=PATIENCE_NS)
    recorder = CassetteRecorder(lambda: world.now_ns)
    world.network.observers.append(recorder)

    async def main() -> list[str | bytes]:
        async with world.hosting(HOST, new_server(Recorder("call", lambda: 0)).serve):
            return await call()

    result = world.run(main)
    return result, recorder.cassette("gemini-live", recorded="2030-01-01T00:00:00Z", versions={})


def replayed(world: World | RealTimeWorld, cassette: Cassette) -> tuple[Any, ReplayServer]:
    server = ReplayServer(cassette, matching="content")

    async def main() -> list[str | bytes]:
        async with world.hosting(HOST, server.serve):
            with server.stopping():
                return await call()

    return world.run(main), server


def worlds() -> list[Any]:
    return [lambda: World(seed=0), lambda: RealTimeWorld(seed=0, budget_ns=PATIENCE_NS)]


@pytest.mark.parametrize("world", worlds(), ids=["virtual", "real"])
def test_a_call_on_real_sockets_is_recorded_and_replayed_in_any_world(
    recorded: tuple[list[str | bytes], Cassette], world: Any, tmp_path: Path
) -> None:
    before, cassette = recorded
    Library(tmp_path).save("gemini-live", "call", cassette)
    after, server = replayed(world(), Library(tmp_path).load("gemini-live", "call"))
    assert after == before
    assert before[0] == "I would like some advice about my savings."
    server.finish()


def test_what_is_recorded_from_this_machine_is_not_live(recorded: tuple[Any, Cassette]) -> None:
    _, cassette = recorded
    assert cassette.header.origin == "simulated"
    assert cassette.header.models == (f"models/{MODEL}",)


def test_a_recording_from_real_sockets_has_both_connections_with_their_ends(recorded: tuple[Any, Cassette]) -> None:
    _, cassette = recorded
    assert [connection.status for connection in cassette.connections] == [101, 101]
    for connection in cassette.connections:
        closes = [(event.way, event.code) for event in connection.events if isinstance(event, Close)]
        assert closes == [("sent", 1000), ("received", 1000)]
        assert [event.t_ns for event in connection.events] == sorted(event.t_ns for event in connection.events)
        assert 0 < connection.opened_ns < connection.events[0].t_ns


class End:
    """A transport that leads somewhere."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str) -> Any:
        return (self._address, 443) if name == "peername" else None


@pytest.mark.parametrize(
    ("address", "leaves"),
    [
        ("142.250.1.1", True),
        ("2001:4860::1", True),
        ("127.0.0.1", False),
        ("10.0.0.7", False),
        ("::1", False),
        ("?", False),
    ],
)
def test_only_a_connection_to_another_machine_counts_as_live(address: str, leaves: bool) -> None:
    assert RealConnection(1, HOST, None, end=End(address)).leaves_machine is leaves  # type: ignore[arg-type]


def test_a_connection_that_is_being_dialled_leads_nowhere_yet() -> None:
    assert not RealConnection(1, HOST, None).leaves_machine
