"""The service as the official SDK meets it: simulated at its production address, and on a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.servers.openai_realtime import OpenAIRealtimeServer
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.loopback import on_loopback
from roomkit_sim.sim.world.seeds import SeedTree

if TYPE_CHECKING:
    from conftest import Stage

MakeStage = Callable[..., "Stage"]
PATIENCE_S = 20
WORDS = "I would like some advice about my savings."
SPEECH = speak(WORDS, "the caller", 24_000).tobytes()
CALL = bytes(24_000) + SPEECH + bytes(2 * 24_000)
TOOL: Any = {
    "type": "function",
    "name": "transfer",
    "description": "Hand over.",
    "parameters": {"type": "object", "properties": {"target": {"type": "string"}}, "required": ["target"]},
}
PERSONAS = {
    "triage": Persona(
        when="Role: Triage",
        rules=(
            Rule(hears="ask", calls={"transfer": {"target": "advisor"}}),
            Rule(on="tool_result", contains="accepted", says="One moment."),
        ),
    ),
    "advisor": Persona(when="Role: Advisor", rules=(Rule(on="asked_to_speak", says="Hello."),)),
}
AUDIO: Any = {
    "input": {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {"model": "gpt-4o-mini-transcribe"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
    }
}


class Listening:
    """Reads events, and keeps them."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[RealtimeServerEvent] = []

    async def until(self, type: str) -> Any:
        while True:
            event = await self.connection.recv()
            self.events.append(event)
            if event.type == type:
                return event

    def of(self, type: str) -> list[Any]:
        return [event for event in self.events if event.type == type]

    def sound(self) -> bytes:
        return b"".join(base64.b64decode(event.delta) for event in self.of("response.output_audio.delta"))


async def talk(client: AsyncOpenAI, **options: Any) -> tuple[Listening, Listening]:
    """A call with a tool call, then a connection for another agent: other voice, history put in again."""
    async with client.realtime.connect(model="gpt-realtime", **options) as connection:
        triage = Listening(connection)
        session: Any = {"type": "realtime", "instructions": "Role: Triage", "audio": AUDIO, "tools": [TOOL]}
        await connection.session.update(session=session)
        await triage.until("session.updated")
        for at in range(0, len(CALL), 960):
            await connection.input_audio_buffer.append(audio=base64.b64encode(CALL[at : at + 960]).decode())
        call = await triage.until("response.function_call_arguments.done")
        await triage.until("response.done")
        output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": '{"status": "accepted"}'}
        await connection.conversation.item.create(item=output)
        await connection.response.create()
        await triage.until("response.done")
    async with client.realtime.connect(model="gpt-realtime", **options) as connection:
        advisor = Listening(connection)
        await connection.session.update(
            session={"type": "realtime", "instructions": "Role: Advisor", "audio": {"output": {"voice": "marin"}}}
        )
        item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": WORDS}]}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        await advisor.until("response.done")
        spoken = advisor.of("response.output_item.done")[0].item
        await connection.conversation.item.truncate(item_id=spoken.id, content_index=0, audio_end_ms=100)
        await advisor.until("conversation.item.truncated")
    return triage, advisor


def check(triage: Listening, advisor: Listening, recorder: Recorder) -> None:
    [call] = triage.of("response.function_call_arguments.done")
    assert (call.name, json.loads(call.arguments)) == ("transfer", {"target": "advisor"})
    assert triage.sound() == speak("One moment.", "alloy", 24_000).tobytes()
    assert advisor.sound() == speak("Hello.", "marin", 24_000).tobytes()
    done = advisor.of("response.done")[0].response
    assert (done.status, done.output[0].content[0].transcript) == ("completed", "Hello.")
    kinds = [event.kind for event in recorder.events]
    assert "refused" not in kinds
    assert [kind for kind in kinds if kind in ("heard", "tool_call", "tool_result", "truncated")] == [
        "heard",
        "tool_call",
        "tool_result",
        "truncated",
    ]


def test_the_sdk_holds_a_call_in_the_simulated_network(make_stage: MakeStage) -> None:
    stage = make_stage(personas=PERSONAS)

    async def main() -> tuple[Listening, Listening]:
        return await talk(AsyncOpenAI(api_key="simulated"))

    check(*stage.run(main), stage.recorder)


async def test_the_sdk_holds_the_same_call_on_a_real_socket() -> None:
    recorder = Recorder("call", lambda: 0)
    peers: list[tuple[str, int]] = []

    def sink_for(peer: tuple[str, int]) -> tuple[int, Recorder]:
        peers.append(peer)
        return len(peers), recorder

    server = OpenAIRealtimeServer(
        mind=PERSONAS,
        agent_of=lambda name: f"agent-{name}",
        recogniser=UtteranceRecogniser({"ask": Clip(speak(WORDS, "the caller", 16_000), 16_000, ())}),
        transcripts={"ask": WORDS},
        latency=Latency(setup_ms=0, think_ms=0, speak_ms=0, lead_ms=10_000),
        seeds=SeedTree(0),
        sink_for=sink_for,
    )
    async with asyncio.timeout(PATIENCE_S), on_loopback(server.serve) as loopback:
        client = AsyncOpenAI(api_key="simulated", base_url=f"{loopback.base_url}/v1")
        options: Any = {"ssl": loopback.client_tls}
        triage, advisor = await talk(client, websocket_connection_options=options)
    check(triage, advisor, recorder)
    assert len(server.sessions[0].received or b"") >= len(CALL) * 2 // 3 - 100
