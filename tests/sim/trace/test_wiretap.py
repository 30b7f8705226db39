"""The tap: what passes on a connection, from the client's end, as events."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.sim.servers.gemini_live import server_frames
from roomkit_sim.sim.trace.events import TraceEvent
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.trace.wiretap import ObservedConnection, Wiretap
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.network import connection_owner
from roomkit_sim.sim.world.world import World

MS = 1_000_000
AUDIO = json.dumps({"realtime_input": {"audio": {"data": "AAAA" * 50, "mime_type": "audio/pcm;rate=16000"}}})


class Tapped:
    """A world with a websocket server in it, and a tap on its network."""

    def __init__(self, latency_ms: int = 0, calls: tuple[str, ...] = ("call",)) -> None:
        link = Link(latency_ns=latency_ms * MS)
        self.world = World(seed=0, links=LinkPair(link, link))
        self.recorders = {call: Recorder(call, lambda: self.world.now_ns) for call in calls}
        self.tap = Wiretap(self._sink_of, lambda: self.world.now_ns)
        self.world.network.observers.append(self.tap)
        self.answers: list[bytes] = []
        self.compression: str | None = None
        self.refuse = False

    def _sink_of(self, connection: ObservedConnection) -> Recorder | None:
        return self.recorders.get(self.world.network.connections[connection.id].owner or "call")

    async def handle(self, socket: ServerConnection) -> None:
        for answer in self.answers:
            await socket.send(answer)
        await socket.wait_closed()

    def run(self, client: Any) -> list[TraceEvent]:
        async def main() -> None:
            self.world.network.add_host("service.test")

            def upgrade(connection: ServerConnection, request: Any) -> Any:
                return connection.respond(403, "(this looks like a close frame)") if self.refuse else None

            async with serve(self.handle, "service.test", 443, process_request=upgrade):
                await client()

        self.world.run(main)
        self.tap.finish()
        return self.recorders["call"].events

    def dial(self) -> Any:
        return connect("wss://service.test/", compression=self.compression)


def of(events: list[TraceEvent], kind: str) -> list[dict[str, Any]]:
    return [dict(event.data) for event in events if event.name == f"wire.{kind}"]


def test_a_connection_is_dialled_opened_and_closed_by_who_says_so_first() -> None:
    tapped = Tapped(latency_ms=10)

    async def client() -> None:
        async with tapped.dial():
            pass

    events = tapped.run(client)
    assert [event.name for event in events] == ["wire.dial", "wire.open", "wire.close"]
    dial, opened, closed = events
    assert dial.data == {"conn": 1, "host": "service.test"}
    assert opened.data == {"conn": 1, "handshake_ms": 60.0}
    assert closed.data == {"conn": 1, "code": 1000, "reason": "", "by": "client"}


def test_a_close_of_the_server_is_the_servers_with_code_and_reason() -> None:
    tapped = Tapped()

    async def handle(socket: ServerConnection) -> None:
        await socket.close(1008, "invalid handle")

    tapped.handle = handle  # type: ignore[method-assign]

    async def client() -> None:
        async with tapped.dial() as socket:
            await socket.wait_closed()

    assert of(tapped.run(client), "close") == [{"conn": 1, "code": 1008, "reason": "invalid handle", "by": "server"}]


@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_connection_that_is_cut_closes_abnormally_and_once(how: Any) -> None:
    tapped = Tapped()

    async def client() -> None:
        async with tapped.dial() as socket:
            tapped.world.network.cut(1, how)
            await socket.wait_closed()

    [closed] = of(tapped.run(client), "close")
    assert closed["code"] == 1006


def test_a_refused_upgrade_is_rejected_with_its_status_and_its_text_is_not_read() -> None:
    tapped = Tapped()
    tapped.refuse = True

    async def client() -> None:
        with pytest.raises(Exception, match="HTTP 403"):
            await tapped.dial()
        await asyncio.sleep(1)

    events = tapped.run(client)
    assert of(events, "rejected") == [{"conn": 1, "status": 403}]
    assert [item["code"] for item in of(events, "close")] == [1006]
    assert of(events, "open") == of(events, "received") == []


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_messages_pass_with_their_names_sizes_and_contents(compression: str | None) -> None:
    tapped = Tapped(latency_ms=10)
    tapped.compression = compression
    tapped.answers = [server_frames.SETUP_COMPLETE]

    async def client() -> None:
        async with tapped.dial() as socket:
            await socket.send(json.dumps({"setup": {"model": "m", "api_key": "hunter2"}}))
            await socket.recv()

    events = tapped.run(client)
    [sent], [received] = of(events, "sent"), of(events, "received")
    assert (sent["frame"], sent["json"]) == ("setup", {"setup": {"model": "m", "api_key": "<removed>"}})
    assert (received["frame"], received["json"]) == ("setupComplete", {"setupComplete": {}})
    if compression is None:
        assert received["bytes"] == len(server_frames.SETUP_COMPLETE)


def test_times_are_those_of_the_clients_end() -> None:
    tapped = Tapped(latency_ms=10)
    tapped.answers = [server_frames.SETUP_COMPLETE]

    async def client() -> None:
        async with tapped.dial() as socket:
            assert await socket.recv() == server_frames.SETUP_COMPLETE
            assert tapped.world.now_ns == received_at()

    def received_at() -> int:
        events = tapped.recorders["call"].events
        return next(event.t_ns for event in events if event.name == "wire.received")

    tapped.run(client)


def test_consecutive_audio_is_one_event_until_something_else_passes_or_a_second_is_over() -> None:
    tapped = Tapped()

    async def client() -> None:
        async with tapped.dial() as socket:
            for _ in range(125):
                await socket.send(AUDIO)
                await asyncio.sleep(0.02)
            await socket.send('{"realtime_input":{"text":"x"}}')
            await socket.send(AUDIO)

    sent = of(tapped.run(client), "sent")
    assert [(item["frame"], item.get("frames")) for item in sent] == [
        ("realtime_input.audio", 50),
        ("realtime_input.audio", 50),
        ("realtime_input.audio", 25),
        ("realtime_input.text", None),
        ("realtime_input.audio", 1),
    ]
    assert [item["first_t_ns"] for item in sent[:3]] == [0, 1_000 * MS, 2_000 * MS]
    assert sent[0]["bytes"] == 50 * len(AUDIO)
    assert "json" not in sent[0]


def test_collected_audio_says_what_it_is_and_is_never_of_two_formats() -> None:
    tapped = Tapped()
    other = AUDIO.replace("rate=16000", "rate=8000")
    first = '{"realtime_input":{"audio":{"mime_type":"audio/pcm;rate=8000","data":"' + "AAAA" * 200 + '"}}}'

    async def client() -> None:
        async with tapped.dial() as socket:
            for frame in (AUDIO, AUDIO, other, first):
                await socket.send(frame)

    sent = of(tapped.run(client), "sent")
    assert [(item["frames"], item["mime"]) for item in sent] == [
        (2, "audio/pcm;rate=16000"),
        (2, "audio/pcm;rate=8000"),
    ]


def test_size_of_collected_audio_is_known_before_compression_too() -> None:
    tapped = Tapped()
    tapped.compression = "deflate"

    async def client() -> None:
        async with tapped.dial() as socket:
            await socket.send(AUDIO)

    (sent,) = of(tapped.run(client), "sent")
    assert sent["payload"] == len(AUDIO) > sent["bytes"]


def test_the_two_directions_are_collected_apart() -> None:
    tapped = Tapped()
    tapped.answers = [server_frames.audio(bytes(960))] * 3

    async def client() -> None:
        async with tapped.dial() as socket:
            for _ in range(3):
                await socket.recv()
                await socket.send(AUDIO)

    events = tapped.run(client)
    assert [item["frames"] for item in of(events, "sent")] == [3]
    assert [item["frames"] for item in of(events, "received")] == [3]


def test_audio_that_waits_to_be_written_is_written_before_the_close() -> None:
    tapped = Tapped()

    async def client() -> None:
        async with tapped.dial() as socket:
            await socket.send(AUDIO)

    assert [event.kind for event in tapped.run(client)] == ["dial", "open", "sent", "close"]


def test_two_calls_are_written_into_their_own_traces_and_strangers_nowhere() -> None:
    tapped = Tapped(calls=("call", "other"))

    async def client() -> None:
        for owner in ("call", "other", "nobody"):
            connection_owner.set(owner)
            async with tapped.dial():
                pass

    events = tapped.run(client)
    assert {event.data["conn"] for event in events} == {1}
    assert {event.data["conn"] for event in tapped.recorders["other"].events} == {2}


def test_a_handle_keeps_its_name_over_the_connections_of_a_call() -> None:
    tapped = Tapped()
    tapped.answers = [server_frames.resumable("Zk9-secret")]

    async def client() -> None:
        async with tapped.dial() as socket:
            await socket.recv()
        async with tapped.dial() as socket:
            await socket.send('{"setup":{"sessionResumption":{"handle":"Zk9-secret"}}}')
            await socket.recv()

    events = tapped.run(client)
    assert "Zk9" not in str(events)
    assert of(events, "sent")[0]["json"] == {"setup": {"sessionResumption": {"handle": "handle-1"}}}


@dataclass
class Seen:
    """A connection as the tap needs it; made by hand."""

    id: int
    host: str = "service.test"


def test_bytes_that_are_no_websocket_leave_no_messages() -> None:
    recorder = Recorder("call", lambda: 0)
    tap = Wiretap(lambda connection: recorder, lambda: 0)
    tap.dialled(Seen(1))
    tap.client_sent(Seen(1), b"GET / HTTP/1.1\r\n\r\n\x81")
    tap.client_received(Seen(1), b"\x00" * 70_000)
    tap.closed(Seen(1), "client", None)
    tap.finish()
    assert [event.kind for event in recorder.events] == ["dial", "close"]


OPENED = b"GET / HTTP/1.1\r\nOpenAI-Beta: realtime=v1\r\n\r\n"
AGREED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
CLOSING = b"\x88\x02\x03\xe8"


def frame(text: str) -> bytes:
    return b"\x81\x7e" + len(text).to_bytes(2, "big") + text.encode()


def test_what_the_client_sends_after_its_close_frame_is_marked() -> None:
    recorder = Recorder("call", lambda: 0)
    tap = Wiretap(lambda connection: recorder, lambda: 0)
    tap.dialled(Seen(1))
    tap.client_sent(Seen(1), OPENED)
    tap.client_received(Seen(1), AGREED)
    for data in (frame(AUDIO), frame('{"setup":{}}'), frame(AUDIO), CLOSING, frame('{"setup":{}}'), frame(AUDIO)):
        tap.client_sent(Seen(1), data)
    tap.finish()
    sent = [event.data for event in recorder.events if event.kind == "sent"]
    assert [data.get("after_close", False) for data in sent] == [False, False, False, True, True]


def test_handshake_that_asks_for_a_beta_says_so() -> None:
    recorder = Recorder("call", lambda: 0)
    tap = Wiretap(lambda connection: recorder, lambda: 0)
    for number, asked in enumerate((OPENED, b"GET / HTTP/1.1\r\n\r\n")):
        tap.dialled(Seen(number))
        tap.client_sent(Seen(number), asked)
        tap.client_received(Seen(number), AGREED)
    assert [event.data.get("beta") for event in recorder.events if event.kind == "open"] == ["realtime=v1", None]
