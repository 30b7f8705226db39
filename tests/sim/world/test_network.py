"""Names, listeners, links and faults of the simulated network."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.sim.world.connection import SEND_BUFFER, Connection
from roomkit_sim.sim.world.link import Link, LinkPair
from roomkit_sim.sim.world.network import connection_owner
from roomkit_sim.sim.world.world import World

if TYPE_CHECKING:
    from conftest import Tape

Connect = Callable[[World], "Awaitable[tuple[Tape, Tape]]"]
MS = 1_000_000


def both_ways(link: Link) -> LinkPair:
    return LinkPair(link, link)


# Names and listeners


@pytest.mark.parametrize("host", ["nobody.test", "example.com", "service.test."])
def test_an_unknown_name_is_not_found_and_the_known_ones_are_listed(host: str) -> None:
    world = World(seed=0)
    world.network.add_host("service.test")

    async def main() -> None:
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, 443)

    with pytest.raises(socket.gaierror, match=r"(?s)simulated network \(known: service.test\)") as caught:
        world.run(main)
    assert caught.value.errno == socket.EAI_NONAME
    assert world.network.connections == {}


def test_a_name_keeps_its_address() -> None:
    network = World(seed=0).network
    first, second = network.add_host("one.test"), network.add_host("two.test")
    assert first != second
    assert network.add_host("one.test") == network.resolve("one.test") == first


def test_nobody_listening_is_a_refused_connection() -> None:
    world = World(seed=0)
    world.network.add_host("service.test")

    async def main() -> None:
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "service.test", 443)

    with pytest.raises(ConnectionRefusedError, match=r"nobody listens at service\.test:443") as caught:
        world.run(main)
    assert caught.value.errno == errno.ECONNREFUSED


def test_a_closed_listener_refuses() -> None:
    world = World(seed=0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "localhost", 8080)
        await loop.create_connection(asyncio.Protocol, "127.0.0.1", 8080)
        server.close()
        assert not server.is_serving()
        await loop.create_connection(asyncio.Protocol, "127.0.0.1", 8080)

    with pytest.raises(ConnectionRefusedError):
        world.run(main)


def test_two_listeners_at_one_address_are_refused() -> None:
    world = World(seed=0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, "localhost", 8080)
        await loop.create_server(asyncio.Protocol, "127.0.0.1", 8080)

    with pytest.raises(OSError, match=r"listens at 127\.0\.0\.1:8080 already"):
        world.run(main)


def test_port_0_is_a_free_port_also_after_others_were_closed() -> None:
    world = World(seed=0)

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        first, second = [await loop.create_server(asyncio.Protocol, "localhost", 0) for _ in range(2)]
        first.close()
        third = await loop.create_server(asyncio.Protocol, "localhost", 0)
        return [server.sockets[0].getsockname() for server in (second, third)]

    second, third = world.run(main)
    assert second != third


# Connections


def test_connections_know_their_number_their_ends_and_on_whose_behalf_they_are(connect: Connect) -> None:
    world = World(seed=0)

    async def main() -> list[Connection]:
        await connect(world)
        connection_owner.set("call-7")
        client, server = await connect(world)
        assert client.transport.get_extra_info("sockname") == server.transport.get_extra_info("peername")
        assert client.transport.get_extra_info("peername") == server.transport.get_extra_info("sockname")
        second = world.network.by_client_address(server.transport.get_extra_info("peername"))
        assert second.id == 2
        return list(world.network.connections.values())

    first, second = world.run(main)
    assert (first.id, first.owner, second.id, second.owner) == (1, None, 2, "call-7")
    assert (second.host, second.port) == ("service.test", 443)


@pytest.mark.parametrize(("tls", "round_trips"), [(False, 1), (True, 2)])
def test_connecting_costs_a_round_trip_and_tls_one_more(tls: bool, round_trips: int) -> None:
    world = World(seed=0, links=LinkPair(Link(latency_ns=30 * MS), Link(latency_ns=20 * MS)))

    async def main() -> int:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, "localhost", 443)
        await loop.create_connection(asyncio.Protocol, "localhost", 443, ssl=tls or None)
        return world.now_ns

    assert world.run(main) == round_trips * 50 * MS


def test_a_name_costs_its_look_up_and_an_address_does_not() -> None:
    world = World(seed=0, links=LinkPair(dns_ns=15 * MS))
    address = world.network.add_host("service.test")

    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, "service.test", 443)
        await loop.create_connection(asyncio.Protocol, "service.test", 443)
        by_name = world.now_ns
        await loop.create_connection(asyncio.Protocol, address, 443)
        return by_name, world.now_ns - by_name

    assert world.run(main) == (15 * MS, 0)


# Links


def test_latency_delays_each_direction_by_its_own(connect: Connect) -> None:
    world = World(seed=0, links=LinkPair(Link(latency_ns=30 * MS), Link(latency_ns=20 * MS)))

    async def main() -> tuple[Tape, Tape]:
        client, server = await connect(world)
        client.write(b"up")
        server.write(b"down")
        await asyncio.sleep(1)
        return client, server

    client, server = world.run(main)
    assert server.received == [(50 + 30, b"up")]
    assert client.received == [(50 + 20, b"down")]


def test_the_pieces_of_a_burst_arrive_in_order_at_one_instant(connect: Connect) -> None:
    world = World(seed=0, links=both_ways(Link(latency_ns=10 * MS)))
    pieces = [bytes([number]) for number in range(200)]

    async def main() -> Tape:
        client, server = await connect(world)
        for piece in pieces:
            client.write(piece)
        await asyncio.sleep(1)
        return server

    assert world.run(main).received == [(30, piece) for piece in pieces]


@pytest.mark.parametrize("seed", range(5))
def test_jitter_keeps_the_order(connect: Connect, seed: int) -> None:
    world = World(seed=seed, links=both_ways(Link(latency_ns=10 * MS, jitter_ns=100 * MS)))
    pieces = [bytes([number]) for number in range(100)]

    async def main() -> tuple[float, Tape]:
        client, server = await connect(world)
        start = client.now_ms
        for piece in pieces:
            client.write(piece)
            await asyncio.sleep(0.005)
        await asyncio.sleep(1)
        return start, server

    start, server = world.run(main)
    assert [piece for _, piece in server.received] == pieces
    delays = [arrival - start - 5 * number for number, (arrival, _) in enumerate(server.received)]
    assert min(delays) >= 10
    assert max(delays) <= 110
    assert len(set(delays)) > 10


def test_bandwidth_spreads_a_burst(connect: Connect) -> None:
    world = World(seed=0, links=both_ways(Link(latency_ns=10 * MS, bandwidth_bytes_per_s=10_000)))

    async def main() -> tuple[float, Tape]:
        client, server = await connect(world)
        start = client.now_ms
        for _ in range(3):
            client.write(bytes(1000))
        await asyncio.sleep(1)
        return start, server

    start, server = world.run(main)
    assert [arrival - start for arrival, _ in server.received] == [110, 210, 310]


def test_a_loss_stalls_the_stream_and_loses_nothing(connect: Connect) -> None:
    world = World(seed=1, links=both_ways(Link(latency_ns=10 * MS, loss=0.1, stall_ns=200 * MS)))
    pieces = [bytes([number]) for number in range(100)]

    async def main() -> tuple[float, Tape]:
        client, server = await connect(world)
        start = client.now_ms
        for piece in pieces:
            client.write(piece)
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        return start, server

    start, server = world.run(main)
    assert [piece for _, piece in server.received] == pieces
    delays = [round(arrival - start - 20 * number) for number, (arrival, _) in enumerate(server.received)]
    assert max(delays) == 210
    assert min(delays) == 10
    stalled = delays.index(210)
    assert delays[stalled : stalled + 3] == [210, 190, 170], "those behind wait too"


def test_other_seeds_give_other_jitter(connect: Connect) -> None:
    def arrivals(seed: int) -> list[float]:
        world = World(seed=seed, links=both_ways(Link(jitter_ns=50 * MS)))

        async def main() -> Tape:
            client, server = await connect(world)
            for _ in range(20):
                client.write(b"x")
                await asyncio.sleep(0.1)
            return server

        return [arrival for arrival, _ in world.run(main).received]

    assert arrivals(1) == arrivals(1)
    assert arrivals(1) != arrivals(2)


def test_a_slow_link_makes_the_writer_wait_behind_the_kernels_buffer(connect: Connect) -> None:
    world = World(seed=0, links=both_ways(Link(bandwidth_bytes_per_s=100_000)))

    async def main() -> Tape:
        client, _ = await connect(world)
        client.write(bytes(SEND_BUFFER))
        assert client.paused == []
        for _ in range(100):
            client.write(bytes(1000))
        assert client.paused == [True]
        await asyncio.sleep(60)
        return client

    assert world.run(main).paused == [True, False]


def test_what_arrives_while_reading_is_paused_is_read_later(connect: Connect) -> None:
    world = World(seed=0)

    async def main() -> Tape:
        client, server = await connect(world)
        server.transport.pause_reading()
        client.write(b"one")
        client.write(b"two")
        await asyncio.sleep(1)
        assert server.received == []
        server.transport.resume_reading()
        await asyncio.sleep(1)
        return server

    assert world.run(main).received == [(1000, b"one"), (1000, b"two")]


# The end of a connection


def test_what_was_sent_before_closing_still_arrives_and_then_the_end(connect: Connect) -> None:
    world = World(seed=0, links=both_ways(Link(latency_ns=10 * MS)))

    async def main() -> tuple[Tape, Tape]:
        client, server = await connect(world)
        client.write(b"last words")
        client.transport.close()
        await asyncio.sleep(1)
        return client, server

    client, server = world.run(main)
    assert (client.lost_at_ms, client.error) == (20, None)
    assert server.received == [(30, b"last words")]
    assert (server.eof_at_ms, server.lost_at_ms, server.error) == (30, 30, None)


def test_a_reset_ends_both_ends_at_once_with_an_error(connect: Connect) -> None:
    world = World(seed=0, links=both_ways(Link(latency_ns=10 * MS)))

    async def main() -> tuple[Tape, Tape]:
        client, server = await connect(world)
        client.write(b"never arrives")
        world.network.cut(1, "reset")
        await asyncio.sleep(1)
        return client, server

    client, server = world.run(main)
    assert server.received == []
    for end in (client, server):
        assert end.lost_at_ms == 20
        assert isinstance(end.error, ConnectionResetError)


def test_a_close_of_the_server_reaches_the_client_as_the_end_of_the_stream(connect: Connect) -> None:
    world = World(seed=0, links=both_ways(Link(latency_ns=10 * MS)))

    async def main() -> tuple[Tape, Tape]:
        client, server = await connect(world)
        server.write(b"before")
        world.network.cut(1, "close")
        await asyncio.sleep(1)
        return client, server

    client, server = world.run(main)
    assert client.data == b"before"
    assert (client.eof_at_ms, client.error) == (30, None)
    assert (server.lost_at_ms, server.error) == (20, None)


def test_after_a_silent_cut_nothing_arrives_and_nobody_is_told(connect: Connect) -> None:
    world = World(seed=0)

    async def main() -> tuple[Tape, Tape]:
        client, server = await connect(world)
        world.network.cut(1, "silent")
        client.write(b"hello?")
        server.write(b"hello?")
        await asyncio.sleep(10)
        client.transport.close()
        await asyncio.sleep(10)
        return client, server

    client, server = world.run(main)
    assert client.received == server.received == []
    assert client.lost_at_ms == 10_000
    assert (server.eof_at_ms, server.lost_at_ms) == (None, None)


def test_a_connection_that_is_cut_leaves_the_others_alone(connect: Connect) -> None:
    world = World(seed=0)

    async def main() -> Tape:
        await connect(world)
        client, server = await connect(world)
        world.network.cut(1)
        client.write(b"still here")
        await asyncio.sleep(1)
        assert server.data == b"still here"
        return client

    assert world.run(main).lost_at_ms is None


def test_a_stall_holds_both_directions_and_then_lets_everything_through(connect: Connect) -> None:
    world = World(seed=0)

    async def main() -> tuple[Tape, Tape]:
        client, server = await connect(world)
        world.network.stall(1, 3_000 * MS)
        client.write(b"up")
        await asyncio.sleep(1)
        server.write(b"down")
        await asyncio.sleep(5)
        client.write(b"later")
        await asyncio.sleep(1)
        return client, server

    client, server = world.run(main)
    assert server.received == [(3000, b"up"), (6000, b"later")]
    assert client.received == [(3000, b"down")]


def test_a_stall_keeps_what_is_under_way_before_what_is_sent_later(connect: Connect) -> None:
    world = World(seed=0, links=both_ways(Link(latency_ns=100 * MS)))

    async def main() -> Tape:
        client, server = await connect(world)
        client.write(b"1")
        await asyncio.sleep(0.05)
        world.network.stall(1, 1_000 * MS)
        client.write(b"2")
        await asyncio.sleep(0.02)
        client.write(b"3")
        await asyncio.sleep(3)
        return server

    assert world.run(main).data == b"123"


steps = st.lists(st.tuples(st.sampled_from(["write", "sleep", "stall"]), st.integers(0, 120)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 80), st.sampled_from([None, 2_000.0]), st.integers(0, 5))
def test_no_link_and_no_stall_loses_or_reorders_anything(
    plan: list[tuple[str, int]], jitter_ms: int, bandwidth: float | None, seed: int
) -> None:
    link = Link(20 * MS, jitter_ms * MS, bandwidth, loss=0.1)
    world = World(seed=seed, links=both_ways(link))
    sent = bytearray()
    received = bytearray()

    class Server(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            received.extend(data)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(Server, "localhost", 80)
        transport, _ = await loop.create_connection(asyncio.Protocol, "localhost", 80)
        for what, amount in plan:
            if what == "write":
                piece = bytes((len(sent) + offset) % 251 for offset in range(amount))
                sent.extend(piece)
                transport.write(piece)
            elif what == "sleep":
                await asyncio.sleep(amount / 1000)
            else:
                world.network.stall(1, amount * MS)
        transport.close()
        await asyncio.sleep(100)

    world.run(main)
    assert received == sent


# Ways to connect that libraries use


def test_a_socket_that_is_connected_first_is_connected_in_the_simulated_network() -> None:
    world = World(seed=0)
    address = world.network.add_host("service.test")

    async def main() -> tuple[str, int]:
        loop = asyncio.get_running_loop()
        await loop.create_server(asyncio.Protocol, "service.test", 443)
        [(*_, found)] = await loop.getaddrinfo("service.test", 443)
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, found)
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=sock)
        peer: tuple[str, int] = transport.get_extra_info("peername")
        return peer

    assert world.run(main) == (address, 443)


def test_an_abort_is_a_reset_for_the_other_end(connect: Connect) -> None:
    world = World(seed=0)

    async def main() -> tuple[Tape, Tape]:
        client, server = await connect(world)
        client.transport.abort()
        client.transport.abort()
        await asyncio.sleep(1)
        client.write(b"into the void")
        return client, server

    client, server = world.run(main)
    assert client.error is None
    assert isinstance(server.error, ConnectionResetError)
    assert server.data == b""


def test_nothing_more_is_sent_after_the_end_was_said(connect: Connect) -> None:
    world = World(seed=0)

    async def main() -> Tape:
        client, server = await connect(world)
        client.transport.writelines([b"a", b"b"])
        client.transport.write_eof()
        client.write(b"c")
        await asyncio.sleep(1)
        return server

    server = world.run(main)
    assert server.data == b"ab"
    assert server.eof_at_ms == 0
