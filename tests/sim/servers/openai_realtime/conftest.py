"""A fake OpenAI Realtime service in a simulated world, and a client that speaks its protocol by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from roomkit_sim.sim.scenario.mind import Persona
from roomkit_sim.sim.servers.openai_realtime.server import OpenAIRealtimeServer
from roomkit_sim.sim.servers.openai_realtime.session import Session
from tests.sim.servers.acting import ActingClient, ActingStage, triage

PATH = "/v1/realtime?model=gpt-realtime"
DETECTS = {"type": "server_vad", "silence_duration_ms": 500}


class Client(ActingClient):
    """One connection to the service."""

    rate_hz = 24_000

    async def send(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def update(self, **session: Any) -> None:
        await self.send("session.update", session={"type": "realtime", **session})

    async def text(self, words: str, role: str = "user", **more: Any) -> None:
        kind = "output_text" if role == "assistant" else "input_text"
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": words}], **more}
        await self.send("conversation.item.create", item=item)

    async def ask(self, words: str = "Begin.") -> None:
        """Say something in writing, and ask for a response."""
        await self.text(words)
        await self.send("response.create")

    async def answer(self, call_id: str, output: Any) -> None:
        text = output if isinstance(output, str) else json.dumps(output)
        item = {"type": "function_call_output", "call_id": call_id, "output": text}
        await self.send("conversation.item.create", item=item)

    async def audio(self, data: bytes) -> None:
        await self.send("input_audio_buffer.append", audio=base64.b64encode(data).decode())

    def of(self, type: str) -> list[dict[str, Any]]:
        """The events of a type, in order."""
        return [event for _, event in self.frames if event["type"] == type]

    def at(self, type: str) -> list[float]:
        """When they came."""
        return [at for at, event in self.frames if event["type"] == type]

    async def until(self, type: str, count: int = 1) -> dict[str, Any]:
        """Wait for an event; fails when the connection is closed before."""
        return await self.wait_for(lambda: self.of(type), count, type)

    async def error(self, count: int = 1) -> dict[str, Any]:
        return dict((await self.until("error", count))["error"])

    async def done(self, count: int = 1) -> dict[str, Any]:
        """Wait until so many responses are done."""
        return dict((await self.until("response.done", count))["response"])

    def words(self) -> str:
        return "".join(event["delta"] for event in self.of("response.output_audio_transcript.delta"))

    def sound(self) -> bytes:
        return b"".join(base64.b64decode(event["delta"]) for event in self.of("response.output_audio.delta"))

    def calls(self) -> list[dict[str, Any]]:
        return self.of("response.function_call_arguments.done")

    def kind_of(self, frame: dict[str, Any]) -> str:
        return str(frame["type"])


class Stage(ActingStage[Client]):
    """One world with the service in it."""

    def __init__(self, personas: dict[str, Persona], **options: Any) -> None:
        headers = {"Authorization": "Bearer simulated"}
        super().__init__(OpenAIRealtimeServer, Client, path=PATH, headers=headers, personas=personas, **options)

    @property
    def session(self) -> Session:
        """The newest one."""
        return self.server.sessions[-1]

    async def open(self, instructions: str = "Role: Triage", **session: Any) -> Client:
        """Connect and configure a session, with turns of the caller found after half a second of silence."""
        client = await self.dial()
        audio = session.pop("audio", {})
        heard = {"turn_detection": DETECTS, "transcription": {"model": "gpt-4o-mini-transcribe"}}
        given = {**audio, "input": {**heard, **audio.get("input", {})}}
        await client.update(instructions=instructions, audio=given, **session)
        await client.until("session.updated")
        return client


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage() -> MakeStage:
    """A stage with one persona ``triage`` of these rules, or with other personas."""

    def make(*rules: dict[str, Any], personas: dict[str, Persona] | None = None, **options: Any) -> Stage:
        return Stage(personas or triage(rules), **options)

    return make
