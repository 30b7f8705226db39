"""A scripted Gemini Live server on the loopback interface: it says what the test tells it to."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.realtime.reconnect_policy import ReconnectLimits
from roomkit_sim.providers.realtime.timing import LiveTiming
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities
from tests.providers.told import PATIENCE_S, Told


@dataclass
class ServedConnection:
    """One connection: what came, and the way to say something."""

    socket: ServerConnection
    setup: dict[str, Any]
    frames: list[dict[str, Any]] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def handle(self) -> str | None:
        return self.setup["sessionResumption"].get("handle")

    @property
    def voice(self) -> str | None:
        speech = self.setup["generationConfig"].get("speechConfig")
        return speech["voice_config"]["prebuilt_voice_config"]["voice_name"] if speech else None

    @property
    def prompt(self) -> str | None:
        instruction = self.setup.get("systemInstruction")
        return instruction["parts"][0]["text"] if instruction else None

    @property
    def audio(self) -> bytes:
        audio = (
            frame["realtime_input"]["audio"] for frame in self.frames if "audio" in frame.get("realtime_input", {})
        )
        return b"".join(base64.b64decode(item["data"]) for item in audio)

    def of(self, key: str) -> list[dict[str, Any]]:
        return [frame[key] for frame in self.frames if key in frame]

    async def say(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def speak(self, pcm: bytes) -> None:
        data = base64.b64encode(pcm).decode()
        parts = [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]
        await self.say(serverContent={"modelTurn": {"parts": parts}})

    async def offer_handle(self, handle: str) -> None:
        await self.say(sessionResumptionUpdate={"newHandle": handle, "resumable": True})

    async def call(self, call_id: str, name: str, **args: Any) -> None:
        await self.say(toolCall={"functionCalls": [{"id": call_id, "name": name, "args": args}]})

    async def until(self, met: Callable[[ServedConnection], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: met(self))


class ScriptedServer:
    """Accepts connections; ``admit`` decides about each by number and setup, before ``setupComplete``."""

    def __init__(self) -> None:
        self.connections: list[ServedConnection] = []
        self.dials = 0
        self.admit: Callable[[int, dict[str, Any]], tuple[int, str] | None] = lambda number, setup: None
        self.first_frame: dict[str, Any] = {"setupComplete": {}}
        self.http_status: int | None = None
        self._news = asyncio.Condition()
        self.port = 0

    async def handle(self, socket: ServerConnection) -> None:
        setup = json.loads(await socket.recv())["setup"]
        number = self.dials
        self.dials += 1
        refusal = self.admit(number, setup)
        if refusal is not None:
            await socket.close(*refusal)
            return
        await socket.send(json.dumps(self.first_frame))
        connection = ServedConnection(socket, setup)
        self.connections.append(connection)
        async with self._news:
            self._news.notify_all()
        try:
            async for text in socket:
                connection.frames.append(json.loads(text))
                async with connection.news:
                    connection.news.notify_all()
        except Exception:  # a reset is as good an end as any
            pass
        finally:
            connection.closed.set()

    async def connection(self, number: int) -> ServedConnection:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.connections) > number)
        return self.connections[number]


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
