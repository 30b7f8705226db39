"""A fake Gemini Live service in a simulated world, and a client that speaks its protocol by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from roomkit_sim.sim.scenario.mind import Persona
from roomkit_sim.sim.servers.gemini_live.server import GeminiLiveServer
from roomkit_sim.sim.servers.gemini_live.session import Session
from tests.sim.servers.acting import ActingClient, ActingStage, triage

PATH = "//ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"


class Client(ActingClient):
    """One connection to the service."""

    rate_hz = 16_000

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def setup(self, instructions: str = "", *, voice: str = "", **more: Any) -> None:
        """The setup frame, as the SDK would write it; what is ``None`` is left out."""
        generation: dict[str, Any] = {"responseModalities": ["AUDIO"]}
        if voice:
            generation["speechConfig"] = {"voice_config": {"prebuilt_voice_config": {"voice_name": voice}}}
        body = {
            "model": "models/gemini-live",
            "generationConfig": generation,
            "systemInstruction": {"parts": [{"text": instructions}]},
            "outputAudioTranscription": {},
            "inputAudioTranscription": {},
            "sessionResumption": {},
            **more,
        }
        await self.send({"setup": {key: value for key, value in body.items() if value is not None}})

    async def text(self, *turns: tuple[str, str], complete: bool = True) -> None:
        contents = [{"role": role, "parts": [{"text": words}]} for role, words in turns]
        await self.send({"client_content": {"turns": contents, "turnComplete": complete}})

    async def answer(self, call_id: str, result: Any, name: str = "f") -> None:
        response = {"id": call_id, "name": name, "response": result}
        await self.send({"tool_response": {"functionResponses": [response]}})

    async def audio(self, pcm: bytes, rate: int = 16_000) -> None:
        blob = {"data": base64.urlsafe_b64encode(pcm).decode(), "mime_type": f"audio/pcm;rate={rate}"}
        await self.send({"realtime_input": {"audio": blob}})

    def of(self, *path: str) -> list[Any]:
        """What stands at a path of keys, in all frames that have it, in order."""
        return [value for _, value in self.timed(*path)]

    def timed(self, *path: str) -> list[tuple[float, Any]]:
        found = ((at, dig(frame, path)) for at, frame in self.frames)
        return [(at, value) for at, value in found if value is not None]

    async def until(self, *path: str, count: int = 1) -> Any:
        """Wait for a frame that has this; fails when the connection is closed before."""
        return await self.wait_for(lambda: self.of(*path), count, path)

    async def turn(self, count: int = 1) -> None:
        await self.until("serverContent", "turnComplete", count=count)

    async def handle(self, count: int = 1) -> str:
        return str(await self.until("sessionResumptionUpdate", "newHandle", count=count))

    def words(self) -> str:
        return "".join(self.of("serverContent", "outputTranscription", "text"))

    def pcm(self) -> bytes:
        parts = self.of("serverContent", "modelTurn", "parts")
        return b"".join(base64.b64decode(part["inlineData"]["data"]) for [part] in parts)

    def kind_of(self, frame: dict[str, Any]) -> str:
        return "+".join(f"{key}.{'+'.join(value)}" if key == "serverContent" else key for key, value in frame.items())


def dig(frame: Any, path: Iterable[str]) -> Any:
    for key in path:
        frame = frame.get(key) if isinstance(frame, dict) else None
    return frame


class Stage(ActingStage[Client]):
    """One world with the service in it."""

    def __init__(self, personas: dict[str, Persona], **options: Any) -> None:
        headers = {"x-goog-api-key": "simulated"}
        super().__init__(GeminiLiveServer, Client, path=PATH, headers=headers, personas=personas, **options)

    @property
    def session(self) -> Session:
        """The newest one."""
        return self.server.sessions[-1]

    async def open(self, instructions: str = "Role: Triage", **setup: Any) -> Client:
        """Connect and set a session up."""
        client = await self.dial()
        await client.setup(instructions, **setup)
        await client.until("setupComplete")
        return client


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage() -> MakeStage:
    """A stage with one persona ``triage`` of these rules, or with other personas."""

    def make(*rules: dict[str, Any], personas: dict[str, Persona] | None = None, **options: Any) -> Stage:
        return Stage(personas or triage(rules), **options)

    return make
