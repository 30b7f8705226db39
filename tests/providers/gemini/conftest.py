"""A scripted Gemini Live server on the loopback interface: it says what the test tells it to."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.realtime.reconnect_policy import ReconnectLimits
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities
from tests.providers.gemini.scripted_live import ScriptedServer
from tests.providers.told import Told


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Server and client contexts of a certificate for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    directory: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (directory / "cert.pem").write_bytes(pem)
    (directory / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.fixture
async def server(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer()

    def upgrade(connection: ServerConnection, request: Any) -> Any:
        return connection.respond(scripted.http_status, "no") if scripted.http_status else None

    async with serve(
        scripted.handle, "127.0.0.1", 0, ssl=tls[0], process_request=upgrade, compression=None
    ) as listening:
        scripted.port = next(iter(listening.sockets)).getsockname()[1]
        yield scripted


ProviderMaker = Callable[..., GeminiLiveProvider]


@pytest.fixture
async def make_provider(
    server: ScriptedServer, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> AsyncIterator[ProviderMaker]:
    made: list[GeminiLiveProvider] = []

    def make(capabilities: RealtimeCapabilities | None = None, **timing: Any) -> GeminiLiveProvider:
        quick = {
            "handle_wait_s": 0.2,
            "settle_s": 0.0,
            "limits": ReconnectLimits(max_attempts=5, base_delay_s=0.001, max_delay_s=0.002),
        }
        provider = GeminiLiveProvider(
            api_key="test-key",
            http_options={
                "base_url": f"https://127.0.0.1:{server.port}",
                "async_client_args": {"ssl": tls[1], "compression": None},
            },
            timing=LiveTiming(**{**quick, **timing}),
            capabilities=capabilities,
        )
        made.append(provider)
        return provider

    yield make
    for provider in made:
        await provider.close()


@pytest.fixture
def told() -> Told:
    return Told()
