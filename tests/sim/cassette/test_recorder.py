"""What is recorded of a connection, and that a replay of it is the same to the client."""

from __future__ import annotations

import asyncio
import base64
import http
import json
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from roomkit_sim.errors import CassetteDriftError
from roomkit_sim.sim.cassette.drift import Drift
from roomkit_sim.sim.cassette.model import Close, Frame, Loss, Opaque, Plain, Sound
from roomkit_sim.sim.cassette.mutation import Mutation
from roomkit_sim.sim.cassette.recorder import CassetteRecorder
from roomkit_sim.sim.cassette.replay import ReplayServer
from roomkit_sim.sim.world.network import connection_owner
from roomkit_sim.sim.world.world import World
from tests.sim.cassette.exchange import MS, dial, hear, microphone, record, replay, say

PIECE = bytes(range(200)) * 2


async def greets(socket: ServerConnection) -> None:
    """Says hello, repeats what it is told, and ends after a ``bye``."""
    await say(socket, type="hello", event_id="event_abc", session={"id": "sess_1"})
    async for text in socket:
        message = json.loads(text)
        if message["type"] == "bye":
            await asyncio.sleep(0.2)
            await socket.close(4001, "as you wish")
        elif message["type"] == "ask":
            await asyncio.sleep(0.1)
            await say(socket, type="answer", to=message.get("id"), obfuscation="xyz")
            delta = base64.b64encode(PIECE).decode()
            await say(socket, type="response.output_audio.delta", item_id="item_1", delta=delta)


async def asks(world: World, **question: Any) -> list[Any]:
    """What a client hears, and when."""
    heard: list[Any] = []
    async with dial(additional_headers={"Authorization": "Bearer sk-very-secret"}) as socket:
        heard.append((await hear(socket), world.now_ns))
        await say(socket, type="ask", **(question or {"id": 1}))
        heard.append((await hear(socket), world.now_ns))
        heard.append((await hear(socket), world.now_ns))
        await say(socket, type="bye")
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        heard.append((caught.value.rcvd, world.now_ns))
    heard.append(world.now_ns)
    return heard


def without_event_ids(heard: list[Any]) -> list[Any]:
    return [
        ({key: item for key, item in entry[0].items() if key not in ("event_id", "obfuscation")}, entry[1])
        if isinstance(entry, tuple) and isinstance(entry[0], dict)
        else entry
        for entry in heard
    ]


def test_a_client_hears_in_a_replay_what_it_heard_and_when() -> None:
    heard, cassette = record(greets, asks)
    again, server = replay(cassette, asks)
    server.finish()
    assert without_event_ids(again) == without_event_ids(heard)


def test_a_connection_is_recorded_from_dial_to_end() -> None:
    _, cassette = record(greets, asks)
    [connection] = cassette.connections
    assert (connection.host, connection.status) == ("service.test", 101)
    assert connection.path == "/v1/realtime?model=some-model"
    assert connection.opened_ns == 150 * MS
    assert [(type(event), event.t_ns // MS) for event in connection.events] == [
        (Frame, 150),
        (Frame, 150),
        (Frame, 300),
        (Frame, 300),
        (Frame, 300),
        (Close, 550),
        (Close, 550),
        (Loss, 600),
    ]
    assert connection.events[-3] == Close("received", 550 * MS, 4001, "as you wish")
    assert connection.events[-1] == Loss(600 * MS, "server", None)
    assert cassette.header.models == ("some-model",)


def test_audio_goes_into_a_track_and_ids_of_events_are_dropped() -> None:
    _, cassette = record(greets, asks)
    [connection] = cassette.connections
    assert connection.events[0].body == Plain({"type": "hello", "session": {"id": "sess_1"}})  # type: ignore[union-attr]
    answer, delta = connection.events[2:4]
    assert answer.body == Plain({"type": "answer", "to": 1})  # type: ignore[union-attr]
    like = {"type": "response.output_audio.delta", "item_id": "item_1", "delta": "<audio>"}
    assert delta.body == Sound(like, ("delta",), len(PIECE), PIECE)  # type: ignore[union-attr]
    assert connection.tracks["received"].pcm == PIECE
    assert connection.tracks["received"].rate_hz == 24_000


def test_every_replayed_event_has_an_id() -> None:
    _, cassette = record(greets, asks)
    again, _ = replay(cassette, asks)
    assert [entry[0]["event_id"] for entry in again[:3]] == ["event_1_1", "event_1_2", "event_1_3"]


def test_no_secret_of_the_handshake_is_recorded() -> None:
    async def with_key(world: World) -> None:
        secret = {"x-api-key": "sk-very-secret"}
        async with dial("/v1/realtime?key=sk-very-secret", additional_headers=secret) as socket:
            await hear(socket)

    _, cassette = record(greets, with_key)
    assert "sk-very-secret" not in repr(cassette)
    assert cassette.connections[0].path == "/v1/realtime?key=<removed>"


def test_a_replay_takes_another_key() -> None:
    async def with_key(world: World, key: str) -> Any:
        async with dial(f"/v1/realtime?key={key}") as socket:
            return await hear(socket)

    _, cassette = record(greets, lambda world: with_key(world, "one"))
    heard, _ = replay(cassette, lambda world: with_key(world, "other"))
    assert heard["type"] == "hello"


def test_the_version_of_an_api_may_change_but_no_other_part_of_the_address() -> None:
    async def at(path: str) -> Any:
        async with dial(path) as socket:
            return await hear(socket)

    _, cassette = record(greets, lambda world: at("/v1/realtime?model=one"))
    heard, _ = replay(cassette, lambda world: at("/v2beta/realtime?model=one"))
    assert heard["type"] == "hello"
    with pytest.raises(CassetteDriftError, match=r"differs     query\.model"):
        replay(cassette, lambda world: at("/v1/realtime?model=other"))


class Refusing:
    """A service that lets nobody in."""

    async def __call__(self, socket: ServerConnection) -> None:
        raise AssertionError("nobody comes in")

    def gate(self, socket: ServerConnection, request: Any) -> Any:
        response = socket.respond(http.HTTPStatus.TOO_MANY_REQUESTS, "slow down\n")
        response.headers["retry-after"] = "7"
        return response


async def is_refused(world: World) -> tuple[int, str | None, int]:
    with pytest.raises(InvalidStatus) as caught:
        await dial()
    response = caught.value.response
    return response.status_code, response.headers.get("retry-after"), world.now_ns


def test_a_refused_handshake_is_refused_again() -> None:
    refused, cassette = record(Refusing(), is_refused)
    assert refused == (429, "7", 150 * MS)
    again, server = replay(cassette, is_refused)
    assert again == refused
    server.finish()


async def breaks(socket: ServerConnection) -> None:
    await say(socket, type="hello")
    await asyncio.sleep(0.25)
    socket.transport.abort()


async def is_cut_off(world: World) -> tuple[str, int]:
    async with dial() as socket:
        await hear(socket)
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        return repr(caught.value.rcvd), world.now_ns


def test_a_connection_that_broke_breaks_again() -> None:
    broken, cassette = record(breaks, is_cut_off)
    assert cassette.connections[0].events[-1].by == "server"  # type: ignore[union-attr]
    again, server = replay(cassette, is_cut_off)
    assert again == broken
    server.finish()


async def listens(socket: ServerConnection) -> None:
    """Answers when it has heard 4,000 bytes."""
    size = 0
    async for text in socket:
        size += len(base64.b64decode(json.loads(text)["audio"]))
        if size >= 4000:
            await say(socket, type="heard")
            return


def speaks(portion: int, pcm: bytes = bytes(4000)) -> Any:
    async def client(world: World) -> int:
        async with dial() as socket:
            for at in range(0, len(pcm), portion):
                await asyncio.sleep(portion / 48_000)
                await say(socket, **microphone(pcm[at : at + portion]))
            await hear(socket)
            return world.now_ns

    return client


@pytest.mark.parametrize("portion", [160, 960, 4000])
def test_audio_may_be_cut_otherwise_in_a_replay(portion: int) -> None:
    before, cassette = record(listens, speaks(480))
    [connection] = cassette.connections
    assert connection.tracks["sent"].samples == 2000
    again, server = replay(cassette, speaks(portion))
    assert abs(again - before) <= max(480, portion) / 48_000 * 1e9
    server.finish()


def test_the_microphone_can_be_left_out() -> None:
    _, cassette = record(listens, speaks(480), microphone="levels")
    track = cassette.connections[0].tracks["sent"]
    assert track.pcm is None
    assert track.levels == (-96,)
    sounds = [event.body for event in cassette.connections[0].events if isinstance(event, Frame)]
    assert [sound.pcm for sound in sounds if isinstance(sound, Sound)] == [None] * 9
    _, server = replay(cassette, speaks(960))
    server.finish()


def test_audio_in_another_form_drifts() -> None:
    async def other(world: World) -> None:
        async with dial() as socket:
            await say(socket, realtime_input={"audio": {"data": "AAAA", "mime_type": "audio/pcm;rate=8000"}})
            await hear(socket)

    _, cassette = record(listens, speaks(480))
    with pytest.raises(CassetteDriftError, match="audio in another form"):
        replay(cassette, other)


def test_what_is_no_json_is_kept_as_it_is() -> None:
    async def odd(socket: ServerConnection) -> None:
        await socket.send("not json")
        await socket.send(b"\x00\xff")
        await socket.recv()

    async def client(world: World) -> Any:
        async with dial() as socket:
            heard = [await socket.recv(), await socket.recv()]
            await socket.send("[1]")
            await socket.wait_closed()
        return heard

    heard, cassette = record(odd, client)
    assert [event.body for event in cassette.connections[0].events[:3]] == [  # type: ignore[union-attr]
        Opaque(b"not json"),
        Opaque(b"\x00\xff"),
        Opaque(b"[1]"),
    ]
    again, server = replay(cassette, client)
    assert again == heard == ["not json", b"\x00\xff"]
    server.finish()


def test_ids_that_a_client_makes_up_may_be_others() -> None:
    async def creates(socket: ServerConnection) -> None:
        message = await hear(socket)
        await say(socket, type="created", item={"id": message["item"]["id"], "previous_item_id": "server_1"})

    def client(name: str) -> Any:
        async def run(world: World) -> Any:
            async with dial() as socket:
                await say(socket, type="create", item={"id": name})
                return await hear(socket)

        return run

    _, cassette = record(creates, client("mine_1"))
    heard, _ = replay(cassette, client("mine_2"))
    assert heard["item"] == {"id": "mine_2", "previous_item_id": "server_1"}


def test_another_answer_to_the_server_drifts() -> None:
    _, cassette = record(greets, lambda world: asks(world, id=1))
    with pytest.raises(CassetteDriftError) as caught:
        replay(cassette, lambda world: asks(world, id=2))
    assert "differs     id\n    recorded  1\n    now       2" in str(caught.value)
    assert "connection 1, client message 1, 0.150 s after dialling (recorded: 0.150 s)" in str(caught.value)


def test_an_id_that_the_server_gave_must_come_back() -> None:
    async def calls(socket: ServerConnection) -> None:
        await say(socket, type="call", call_id="call_1")
        await hear(socket)

    def client(answer: str) -> Any:
        async def run(world: World) -> None:
            async with dial() as socket:
                await hear(socket)
                await say(socket, type="result", call_id=answer)
                await socket.wait_closed()

        return run

    _, cassette = record(calls, client("call_1"))
    replay(cassette, client("call_1"))[1].finish()
    with pytest.raises(CassetteDriftError, match="differs     callId"):
        replay(cassette, client("call_2"))


def test_the_first_drift_counts_and_nobody_is_let_in_after_it() -> None:
    async def twice(world: World) -> None:
        await asks(world)
        await asks(world)

    _, cassette = record(greets, twice)
    world = World(seed=0)
    told: list[Drift] = []
    server = ReplayServer(cassette, on_drift=told.append)

    async def insists() -> None:
        async with world.hosting("service.test", server.serve):
            with pytest.raises(ConnectionClosed):
                await asks(world, id=2)
            with pytest.raises(InvalidMessage):
                await asks(world)

    world.run(insists)
    assert [drift.what for drift in told] == ["the client sent another message than was recorded"]
    assert told == server.drifts
    with pytest.raises(CassetteDriftError, match="another message than was recorded"):
        server.finish()


def test_dialling_once_more_drifts() -> None:
    _, cassette = record(greets, asks)

    async def twice(world: World) -> None:
        await asks(world)
        await asks(world)

    with pytest.raises(CassetteDriftError, match="the client dialled once more than was recorded"):
        replay(cassette, twice)


def test_what_was_not_dialled_and_not_played_is_reported() -> None:
    async def twice(world: World) -> None:
        await asks(world)
        await asks(world)

    async def leaves(world: World) -> None:
        async with dial() as socket:
            await hear(socket)
            await say(socket, type="ask", id=1)
            await say(socket, type="bye")

    _, cassette = record(greets, twice)
    _, server = replay(cassette, leaves)
    assert [(leftover.conn, leftover.frames) for leftover in server.leftovers()] == [(1, 2), (2, None)]
    with pytest.raises(CassetteDriftError, match="2 frames of the server on connection 1 were not played"):
        server.finish()


def two_calls(first: str, second: str) -> Any:
    """Two calls at once, each of which says its name; they are dialled one after the other."""

    async def one(name: str, after_s: float) -> Any:
        connection_owner.set(name)
        await asyncio.sleep(after_s)
        async with dial() as socket:
            await hear(socket)
            await say(socket, type="ask", id=name)
            return (await hear(socket))["to"]

    async def both(world: World) -> Any:
        return await asyncio.gather(asyncio.create_task(one(first, 0)), asyncio.create_task(one(second, 0.01)))

    return both


def test_each_of_two_calls_at_once_gets_its_own_connection_whichever_dials_first() -> None:
    _, cassette = record(greets, two_calls("a", "b"))
    assert [connection.call for connection in cassette.connections] == ["a", "b"]
    heard, server = replay(cassette, two_calls("b", "a"))
    assert heard == ["b", "a"]
    server.finish()


def test_calls_of_other_names_get_the_connections_in_order() -> None:
    _, cassette = record(greets, two_calls("a", "b"))
    heard, _ = replay(cassette, two_calls("c", "d"))
    assert heard == ["a", "b"]


def test_time_can_be_scaled() -> None:
    heard, cassette = record(greets, asks)
    quick, _ = replay(cassette, asks, scale=0.1)
    assert quick[-1] == heard[-1] // 10


@pytest.mark.parametrize(("code", "seen"), [(1011, "1011 (internal error)"), (1006, "no close frame")])
def test_a_replay_can_close_where_the_recording_goes_on(code: int, seen: str) -> None:
    _, cassette = record(greets, asks)

    async def notices(world: World) -> str:
        with pytest.raises(ConnectionClosed) as caught:
            await asks(world)
        return str(caught.value)

    message, server = replay(cassette, notices, mutations=[Mutation("close", 1, 2, code=code)])
    assert seen in message
    assert not server.drifts


def test_a_truncated_message_is_half_of_its_text() -> None:
    _, cassette = record(greets, asks)

    async def notices(world: World) -> str:
        async with dial() as socket:
            return str(await socket.recv())

    text, _ = replay(cassette, notices, mutations=[Mutation("truncate", 1, 1)])
    whole = '{"event_id":"event_1_1","type":"hello","session":{"id":"sess_1"}}'
    assert text == whole[: len(whole) // 2]


def test_a_request_that_is_no_websocket_is_not_recorded() -> None:
    async def plain(world: World) -> None:
        reader, writer = await asyncio.open_connection("service.test", 443)
        writer.write(b"GET / HTTP/1.1\r\nHost: service.test\r\n\r\n")
        await reader.read()
        writer.close()

    _, cassette = record(greets, plain)
    assert cassette.connections == ()


def test_a_dial_that_is_given_up_is_recorded_and_not_answered() -> None:
    async def gives_up(world: World) -> list[Any]:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.04):
                await dial()
        return [world.now_ns, *await asks(world)]

    heard, cassette = record(greets, gives_up)
    assert [(connection.path, connection.status) for connection in cassette.connections] == [
        ("", None),
        ("/v1/realtime?model=some-model", 101),
    ]
    again, server = replay(cassette, gives_up)
    assert without_event_ids(again) == without_event_ids(heard)
    server.finish()


def test_only_wanted_hosts_are_recorded() -> None:
    _, cassette = record(greets, asks, wants=lambda host: host == "elsewhere.test")
    assert cassette.connections == ()


@dataclass
class Dialled:
    id: int
    leaves_machine: bool
    host: str = "api.openai.com"
    owner: str | None = None


def test_one_simulated_connection_makes_a_cassette_simulated() -> None:
    recorder = CassetteRecorder(lambda: 0)
    connections = [Dialled(1, leaves_machine=True), Dialled(2, leaves_machine=False)]
    origins = []
    for connection in connections:
        recorder.dialled(connection)
        recorder.established(connection)
        recorder.client_sent(connection, b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        origins.append(recorder.cassette("test", recorded="", versions={}).header.origin)
    assert origins == ["live", "simulated"]


def test_what_is_recorded_from_a_simulated_network_is_simulated() -> None:
    _, cassette = record(greets, asks)
    assert cassette.header.origin == "simulated"
