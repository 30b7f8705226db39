"""The same server on a real loopback socket, over TLS, spoken to by the real google-genai SDK."""

from __future__ import annotations

import asyncio
from typing import Any

from google import genai
from google.genai import types

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.recognition import UtteranceRecogniser
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.servers.gemini_live import GeminiLiveServer
from roomkit_sim.sim.trace.recorder import Recorder
from roomkit_sim.sim.world.loopback import Loopback, on_loopback
from roomkit_sim.sim.world.seeds import SeedTree

PATIENCE_S = 20
RATE_HZ = 16_000
MODEL = "gemini-live"
WORDS = "I would like some advice about my savings."
SPEECH = speak(WORDS, "the caller", RATE_HZ)
QUIET = bytes(2 * RATE_HZ)
CALL = QUIET + SPEECH.tobytes() + QUIET
QUICK = Latency(setup_ms=0, resume_ms=0, think_ms=0, speak_ms=0, handle_ms=0, lead_ms=10_000)
TRANSFER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="transfer",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"target": types.Schema(type=types.Type.STRING)}, required=["target"]
            ),
        )
    ]
)
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


def new_server(recorder: Recorder) -> GeminiLiveServer:
    peers: list[tuple[str, int]] = []

    def sink_for(peer: tuple[str, int]) -> tuple[int, Recorder]:
        peers.append(peer)
        return len(peers), recorder

    return GeminiLiveServer(
        mind=PERSONAS,
        agent_of=lambda name: f"agent-{name}",
        recogniser=UtteranceRecogniser({"ask": Clip(SPEECH, RATE_HZ, ())}),
        transcripts={"ask": WORDS},
        latency=QUICK,
        seeds=SeedTree(0),
        sink_for=sink_for,
    )


def config(role: str, voice: str, handle: str | None = None) -> types.LiveConnectConfig:
    prebuilt = types.PrebuiltVoiceConfig(voice_name=voice)
    return types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        system_instruction=f"Role: {role}",
        speech_config=types.SpeechConfig(voice_config=types.VoiceConfig(prebuilt_voice_config=prebuilt)),
        tools=[TRANSFER],
        session_resumption=types.SessionResumptionConfig(handle=handle),
        output_audio_transcription=types.AudioTranscriptionConfig(),
        input_audio_transcription=types.AudioTranscriptionConfig(),
    )


def client_of(loopback: Loopback) -> genai.Client:
    options = types.HttpOptions(base_url=loopback.base_url, async_client_args={"ssl": loopback.client_tls})
    return genai.Client(api_key="simulated", http_options=options)


async def say(session: Any) -> None:
    for at in range(0, len(CALL), 640):
        blob = types.Blob(data=CALL[at : at + 640], mime_type=f"audio/pcm;rate={RATE_HZ}")
        await session.send_realtime_input(audio=blob)


async def messages_until(session: Any, met: Any) -> list[types.LiveServerMessage]:
    seen: list[types.LiveServerMessage] = []
    while not (seen and met(seen[-1])):
        seen.append(await anext(session.receive()))
    return seen


def has_handle(message: types.LiveServerMessage) -> bool:
    return bool(message.session_resumption_update and message.session_resumption_update.new_handle)


def words(messages: list[types.LiveServerMessage], of: str) -> str:
    contents = [message.server_content for message in messages if message.server_content]
    pieces = [getattr(content, of) for content in contents]
    return "".join(piece.text for piece in pieces if piece)


def heard(messages: list[types.LiveServerMessage]) -> bytes:
    return b"".join(message.data for message in messages if message.data)


async def test_the_sdk_holds_a_call_with_tool_call_and_handoff_on_a_real_socket() -> None:
    recorder = Recorder("call", lambda: 0)
    server = new_server(recorder)
    async with asyncio.timeout(PATIENCE_S), on_loopback(server.serve) as loopback:
        live = client_of(loopback).aio.live
        async with live.connect(model=MODEL, config=config("Triage", "Kore")) as session:
            await say(session)
            asking = await messages_until(session, lambda message: message.tool_call)
            assert asking[-1].tool_call is not None
            [call] = asking[-1].tool_call.function_calls or []
            assert (call.name, call.args) == ("transfer", {"target": "advisor"})
            assert words(asking, "input_transcription") == WORDS
            result = types.FunctionResponse(id=call.id, name=call.name, response={"result": "accepted"})
            await session.send_tool_response(function_responses=result)
            answer = await messages_until(session, has_handle)
            assert words(answer, "output_transcription") == "One moment."
            assert heard(answer) == speak("One moment.", "Kore", 24_000).tobytes()
            update = answer[-1].session_resumption_update
        assert update is not None
        async with live.connect(model=MODEL, config=config("Advisor", "Puck", update.new_handle)) as session:
            await session.send_client_content(turns={"role": "user", "parts": [{"text": "Go on."}]})
            greeting = await messages_until(session, lambda message: message.usage_metadata)
            assert words(greeting, "output_transcription") == "Hello."
            assert heard(greeting) == speak("Hello.", "Puck", 24_000).tobytes()
    kinds = [(event.kind, event.data["conn"]) for event in recorder.events]
    assert ("heard", 1) in kinds
    assert ("resumed", 2) in kinds
    assert "refused" not in dict(kinds)
    assert bytes(server.sessions[0].ear.received) == CALL  # type: ignore[union-attr]
