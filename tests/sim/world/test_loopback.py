"""A server on a real socket, over TLS."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve

from roomkit_sim.sim.world.loopback import Loopback, on_loopback

PATIENCE_S = 10


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def listen(host: str, port: int, tls: ssl.SSLContext) -> Server:
    return await serve(echo, host, port, ssl=tls)


def url(loopback: Loopback) -> str:
    return loopback.base_url.replace("https:", "wss:") + "/"


async def test_a_client_that_trusts_the_certificate_reaches_the_server_over_tls() -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        on_loopback(listen) as loopback,
        connect(url(loopback), ssl=loopback.client_tls) as socket,
    ):
        await socket.send("hello")
        assert await socket.recv() == "hello"
        assert socket.transport.get_extra_info("ssl_object").version() == "TLSv1.3"


async def test_a_client_that_does_not_trust_it_is_refused() -> None:
    async with asyncio.timeout(PATIENCE_S), on_loopback(listen) as loopback:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(url(loopback), ssl=ssl.create_default_context())


async def test_nobody_listens_when_the_context_has_ended() -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with on_loopback(listen) as loopback:
            pass
        with pytest.raises(ConnectionRefusedError):
            await connect(url(loopback), ssl=loopback.client_tls)


async def test_two_servers_at_once_have_ports_of_their_own() -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        on_loopback(listen) as one,
        on_loopback(listen) as other,
    ):
        assert one.port != other.port
