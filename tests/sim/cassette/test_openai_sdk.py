"""The same recorder and replay under the real OpenAI SDK: two connections, the second with a seeded history."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.errors import CassetteDriftError
from roomkit_sim.sim.cassette.model import Cassette, Frame, Sound
from roomkit_sim.sim.cassette.recorder import CassetteRecorder
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.world import World

HOST = "api.openai.com"
LINKS = LinkPair(Link(latency_ns=21_000_000), Link(latency_ns=33_000_000))
SPEECH = bytes(range(240)) * 8
HANDOFF = '{  \n "target": "advisor"\n} '


async def service(socket: ServerConnection) -> None:
    """Calls a tool when it has heard enough; speaks when it is asked for a response."""
    number = 0

    async def tell(**event: Any) -> None:
        nonlocal number
        number += 1
        await socket.send(json.dumps({"event_id": f"event_{id(socket) % 97}_{number}", **event}))

    await tell(type="session.created", session={"type": "realtime", "id": "sess_1", "model": "gpt-realtime"})
    heard = 0
    async for text in socket:
        message = json.loads(text)
        match message["type"]:
            case "session.update":
                await tell(type="session.updated", session=message["session"])
            case "input_audio_buffer.append":
                heard += len(base64.b64decode(message["audio"]))
                if heard == 9600:
                    call = {"call_id": "call_1", "item_id": "item_1", "output_index": 0, "response_id": "resp_1"}
                    for piece in (HANDOFF[:5], HANDOFF[5:]):
                        await tell(
                            type="response.function_call_arguments.delta", delta=piece, obfuscation="aXq", **call
                        )
                    await tell(type="response.function_call_arguments.done", name="handoff", arguments=HANDOFF, **call)
            case "response.create":
                for at in range(0, len(SPEECH), 480):
                    delta = base64.b64encode(SPEECH[at : at + 480]).decode()
                    place = {"item_id": "item_2", "output_index": 0, "content_index": 0, "response_id": "resp_2"}
                    await tell(type="response.output_audio.delta", delta=delta, **place)
                await tell(type="response.done", response={"id": "resp_2", "status": "completed", "output": []})


async def until(connection: Any, world: World, last: str) -> list[tuple[Any, ...]]:
    events: list[tuple[Any, ...]] = []
    async for event in connection:
        events.append((world.now_ns, event.type, getattr(event, "delta", None), getattr(event, "arguments", None)))
        if event.type == last:
            break
    return events


async def call(world: World, voice: str = "marin", portion: int = 960) -> list[tuple[Any, ...]]:
    client = openai.AsyncOpenAI(api_key="sk-simulated")
    heard: list[tuple[Any, ...]] = []
    async with client.realtime.connect(model="gpt-realtime") as one:
        await one.session.update(session={"type": "realtime", "instructions": "Triage"})
        for _ in range(9600 // portion):
            await one.input_audio_buffer.append(audio=base64.b64encode(bytes(portion)).decode())
        heard += await until(one, world, "response.function_call_arguments.done")
        await one.conversation.item.create(
            item={"type": "function_call_output", "call_id": "call_1", "output": json.dumps({"ok": True})}
        )
    async with client.realtime.connect(model="gpt-realtime") as two:
        audio: Any = {"output": {"voice": voice}}
        await two.session.update(session={"type": "realtime", "instructions": "Advisor", "audio": audio})
        await two.response.create()
        heard += await until(two, world, "response.done")
    heard.append((world.now_ns, "end"))
    return heard


@pytest.fixture(scope="module")
def recorded() -> tuple[list[tuple[Any, ...]], Cassette]:
    world = World(seed=0, links=LINKS)
    recorder = CassetteRecorder(lambda: world.now_ns)
    world.network.observers.append(recorder)

    async def main() -> list[tuple[Any, ...]]:
        world.network.add_host(HOST)
        async with serve(service, HOST, 443, compression=None):
            return await call(world)

    return world.run(main), recorder.cassette("openai-realtime", recorded="2030-01-01T00:00:00Z", versions={})


def replayed(cassette: Cassette, **changes: Any) -> tuple[list[tuple[Any, ...]], ReplayServer]:
    world = World(seed=0)
    server = ReplayServer(cassette, matching="content")

    async def main() -> list[tuple[Any, ...]]:
        async with world.hosting(HOST, server.serve):
            with server.stopping():
                return await call(world, **changes)

    return world.run(main), server


def test_the_sdk_hears_the_same_at_the_same_times_on_both_connections(recorded: tuple[Any, Cassette]) -> None:
    before, cassette = recorded
    after, server = replayed(cassette)
    assert after == before
    assert [len(connection.events) > 4 for connection in cassette.connections] == [True, True]
    server.finish()


def test_the_recording_has_model_audio_and_no_key(recorded: tuple[Any, Cassette]) -> None:
    _, cassette = recorded
    assert cassette.header.models == ("gpt-realtime",)
    assert cassette.connections[1].tracks["received"].pcm == SPEECH
    assert "sk-simulated" not in repr(cassette)
    assert not [
        event
        for connection in cassette.connections
        for event in connection.events
        if isinstance(event, Frame) and not isinstance(event.body, Sound) and "event_id" in repr(event.body)
    ]


def test_the_callers_audio_may_be_cut_otherwise(recorded: tuple[Any, Cassette]) -> None:
    before, cassette = recorded
    after, server = replayed(cassette, portion=4800)
    assert [event[1:] for event in after] == [event[1:] for event in before]
    server.finish()


def test_another_voice_drifts(recorded: tuple[Any, Cassette]) -> None:
    with pytest.raises(CassetteDriftError, match=r"differs     session\.audio\.output\.voice"):
        replayed(recorded[1], voice="cedar")
