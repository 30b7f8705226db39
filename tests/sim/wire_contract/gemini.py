"""What google-genai sends: asked by itself, and by our provider."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from google import genai
from google.genai import types

from roomkit_sim.providers.gemini.realtime import GeminiLiveProvider
from roomkit_sim.providers.realtime import LiveTiming
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSession
from roomkit_sim.voice.realtime.provider import RealtimeCapabilities
from tests.providers.told import Told
from tests.sim.wire_contract.service import KEY, PCM, Frame, ListeningService, Seen

HOST = "generativelanguage.googleapis.com"
MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
TOOL = {
    "name": "transfer",
    "description": "Hands the caller over.",
    "parameters": {"type": "object", "properties": {"target": {"type": "string"}}, "required": ["target"]},
}
CALL = "Call it."


def answer(frame: Frame, seen: Seen) -> Iterator[Frame]:
    """Sets sessions up, calls the tool when it is told to, speaks otherwise."""
    done = {"serverContent": {"turnComplete": True}}
    if "setup" in frame:
        yield {"setupComplete": {}}
        yield {"sessionResumptionUpdate": {"newHandle": f"handle-{seen.number}", "resumable": True}}
    elif "tool_response" in frame:
        yield {"sessionResumptionUpdate": {"newHandle": f"handle-{seen.number}-later", "resumable": True}}
        yield done
    elif frame.get("client_content", {}).get("turnComplete"):
        if CALL in str(frame):
            calls = [{"name": "transfer", "args": {"target": "advisor"}, "id": "call-1"}]
            yield {"toolCall": {"functionCalls": calls}}
            return
        blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(PCM).decode()}
        yield {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}}
        yield done


def from_sdk() -> list[Frame]:
    return ListeningService(answer).run(World(seed=0), HOST, _talk)


async def _talk() -> None:
    client = genai.Client(api_key=KEY)
    function = types.FunctionDeclaration(
        name=TOOL["name"], description=TOOL["description"], parameters_json_schema=TOOL["parameters"]
    )
    tools = [types.Tool(function_declarations=[function])]
    config = types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        system_instruction="Role: Triage",
        tools=tools,
        temperature=0.5,
        speech_config=types.SpeechConfig(
            voice_config=types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Aoede"))
        ),
        input_audio_transcription=types.AudioTranscriptionConfig(),
        output_audio_transcription=types.AudioTranscriptionConfig(),
        session_resumption=types.SessionResumptionConfig(),
        realtime_input_config=types.RealtimeInputConfig(
            automatic_activity_detection=types.AutomaticActivityDetection(disabled=False, silence_duration_ms=500)
        ),
    )
    async with client.aio.live.connect(model=MODEL, config=config) as session:
        await session.send_realtime_input(audio=types.Blob(data=PCM, mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        await session.send_realtime_input(audio_stream_end=True)
        await session.send_realtime_input(text="typed")
        history = [{"role": role, "parts": [{"text": words}]} for role, words in (("user", "Hello"), ("model", "Hi"))]
        await session.send_client_content(turns=history, turn_complete=False)
        await session.send_client_content(turns={"role": "user", "parts": [{"text": CALL}]})
        async for message in session.receive():
            if message.tool_call is not None:
                response = types.FunctionResponse(id="call-1", name="transfer", response={"status": "accepted"})
                await session.send_tool_response(function_responses=[response])
        await session.send_context_update(system_instruction="Role: Advisor", tools=tools)
    resumed = config.model_copy(update={"session_resumption": types.SessionResumptionConfig(handle="handle-1")})
    async with client.aio.live.connect(model=MODEL, config=resumed):
        pass


def from_provider() -> list[Frame]:
    return ListeningService(answer).run(World(seed=0), HOST, _provide)


async def _provide() -> None:
    updates = RealtimeCapabilities(resumption=True, in_session_update=True)
    provider = GeminiLiveProvider(KEY, MODEL, timing=LiveTiming(handle_wait_s=1, settle_s=0), capabilities=updates)
    told = Told().listen_to(provider)
    session = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
    await provider.connect(
        session,
        system_prompt="Role: Triage",
        voice="Aoede",
        tools=[TOOL],
        temperature=0.5,
        provider_config={"silence_duration_ms": 500, "language_code": "en-US"},
    )
    await provider.send_audio(session, PCM)
    await provider.inject_text(session, CALL)
    await told.until(lambda it: it.of("tool_call"))
    await provider.submit_tool_result(session, "call-1", '{"status": "accepted"}')
    await told.until(lambda it: it.of("response_end"))
    await provider.reconfigure(session, system_prompt="Role: Advisor")
    await provider.inject_text(session, "Hello")
    await told.until(lambda it: it.of("audio"))
    await provider.reconfigure(session, voice="Charon")
    await provider.disconnect(session)
    await provider.close()
    assert told.steps == ["opened", "updated", "reconnecting", "resumed"]
