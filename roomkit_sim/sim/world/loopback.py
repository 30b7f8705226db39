"""Serves a protocol server on a real loopback socket, over TLS, for clients that accept nothing less.

The certificate is made for the process and trusted by nobody but :attr:`Loopback.client_tls`.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias

__all__ = ["ADDRESS", "Listening", "Loopback", "Serve", "on_loopback"]

ADDRESS = "127.0.0.1"


class Listening(Protocol):
    """What a server's ``serve`` returns: the part of ``asyncio.Server`` that is needed here."""

    @property
    def sockets(self) -> Iterable[Any]:
        """The sockets that it listens on."""
        ...

    def close(self) -> None:
        """Listen no more."""

    async def wait_closed(self) -> None:
        """Until the connections are closed."""


Serve: TypeAlias = Callable[[str, int, ssl.SSLContext | None], Awaitable[Listening]]
"""Listens at a host and a port (0 is any free one), with TLS if there is a context for it."""


@dataclass(frozen=True)
class Loopback:
    """Where a server is, and what a client needs to trust it.

    Args:
        port: The port that it listens on.
        client_tls: Trusts the server's certificate and no other.
    """

    port: int
    client_tls: ssl.SSLContext

    @property
    def base_url(self) -> str:
        """The server's address as an SDK takes it, such as ``https://127.0.0.1:40001``."""
        return f"https://{ADDRESS}:{self.port}"


@asynccontextmanager
async def on_loopback(serve: Serve) -> AsyncIterator[Loopback]:
    """Serve while the context lasts. Needs a loop with real sockets.

    Args:
        serve: As ``GeminiLiveServer.serve`` does.
    """
    server_tls, client_tls = _contexts()
    server = await serve(ADDRESS, 0, server_tls)
    try:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Loopback(port, client_tls)
    finally:
        server.close()
        await asyncio.shield(server.wait_closed())


@functools.cache
def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    certificate, key = _certificate()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        # The ssl module takes a certificate chain from a file only.
        path = Path(folder) / "server.pem"
        path.write_bytes(key + certificate)
        server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=certificate.decode())


def _certificate() -> tuple[bytes, bytes]:
    """A self-signed certificate for the loopback address and its key, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ADDRESS)])
    addresses = [x509.IPAddress(ipaddress.ip_address(ADDRESS)), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
