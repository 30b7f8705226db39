"""On real loopback sockets, over TLS, with the real google-genai SDK: recorded, and replayed there and in a world."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from google.genai import types

from roomkit_sim.sim.cassette.library import Library
from roomkit_sim.sim.cassette.model import Cassette, Close
from roomkit_sim.sim.cassette.recorder import CassetteRecorder
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.cassette.sockets import observed_sockets
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.loopback import Loopback, on_loopback
from tests.sim.servers.test_real_socket import (
    MODEL,
    PATIENCE_S,
    client_of,
    config,
    has_handle,
    heard,
    messages_until,
    new_server,
    say,
    words,
)


async def call(loopback: Loopback) -> list[str | bytes]:
    """A tool call, its result, and a second connection that goes on with the first: what the client heard."""
    live = client_of(loopback).aio.live
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


async def recorded() -> tuple[list[str | bytes], Cassette]:
    loop = asyncio.get_running_loop()
    recorder = CassetteRecorder(lambda: round(loop.time() * 1e9))
    server = new_server(Recorder("call", lambda: 0))
    async with asyncio.timeout(PATIENCE_S), on_loopback(server.serve) as loopback:
        with observed_sockets([recorder]):
            result = await call(loopback)
    return result, recorder.cassette("gemini-live", recorded="2030-01-01T00:00:00Z", versions={})


async def replayed(cassette: Cassette, **settings: Any) -> tuple[list[str | bytes], ReplayServer]:
    server = ReplayServer(cassette, **settings)
    async with asyncio.timeout(PATIENCE_S), on_loopback(server.serve) as loopback:
        with server.stopping():
            result = await call(loopback)
    return result, server


async def test_a_call_on_real_sockets_is_recorded_and_replayed_there(tmp_path: Path) -> None:
    before, cassette = await recorded()
    Library(tmp_path).save("gemini-live", "call", cassette)
    after, server = await replayed(Library(tmp_path).load("gemini-live", "call"), matching="content")
    assert after == before
    assert before[0] == "I would like some advice about my savings."
    server.finish()


async def test_what_is_recorded_from_this_machine_is_not_live() -> None:
    _, cassette = await recorded()
    assert cassette.header.origin == "simulated"
    assert cassette.header.models == (f"models/{MODEL}",)


async def test_a_recording_from_real_sockets_has_both_connections_with_their_ends() -> None:
    _, cassette = await recorded()
    assert [connection.status for connection in cassette.connections] == [101, 101]
    for connection in cassette.connections:
        closes = [(event.way, event.code) for event in connection.events if isinstance(event, Close)]
        assert closes == [("sent", 1000), ("received", 1000)]
        assert [event.t_ns for event in connection.events] == sorted(event.t_ns for event in connection.events)
        assert 0 < connection.opened_ns < connection.events[0].t_ns
