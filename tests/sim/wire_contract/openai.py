"""What the openai SDK sends: asked by itself, and by our provider."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from openai import AsyncOpenAI

from roomkit_sim.providers.openai.realtime import OpenAIRealtimeProvider
from roomkit_sim.providers.realtime import LiveTiming
from roomkit_sim.sim.world.world import World
from roomkit_sim.voice.base import VoiceSession
from tests.providers.told import Told
from tests.sim.wire_contract.gemini import CALL, TOOL
from tests.sim.wire_contract.service import KEY, PCM, Frame, ListeningService, Seen

HOST = "api.openai.com"
MODEL = "gpt-realtime"
FORMAT = {"type": "audio/pcm", "rate": 24_000}
SOUND = base64.b64encode(PCM * 800).decode()  # 100 ms
DEFAULTS = {
    "id": "sess_1",
    "expires_at": 2_000_000_000,
    "instructions": "",
    "tools": [],
    "audio": {"input": {"format": FORMAT}, "output": {"format": FORMAT, "voice": "alloy"}},
}
OPEN = {"response_id": "resp_2", "item_id": "item_2", "output_index": 0, "content_index": 0}


def event(type: str, **fields: Any) -> Frame:
    return {"type": type, "event_id": "event_0", **fields}


def merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def answer(frame: Frame, seen: Seen) -> Iterator[Frame]:
    """Takes updates; its first response calls the tool, its second one speaks until it is cancelled."""
    match frame["type"]:
        case "session.update":
            session: Any = DEFAULTS
            for update in seen.of("session.update"):
                session = merged(session, update["session"])
            yield event("session.updated", session=session)
        case "response.create":
            number = len(seen.of("response.create"))
            yield event("response.created", response=response(number, "in_progress"))
            yield from (tool_call() if number == 1 else speech())
        case "response.cancel":
            yield event("response.done", response=response(2, "cancelled"))
        case "input_audio_buffer.append" if seen.of("conversation.item.create"):
            yield event("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_3")


def response(number: int, status: str) -> Frame:
    return {"id": f"resp_{number}", "status": status, "status_details": None, "output": []}


def tool_call() -> Iterator[Frame]:
    item = {"id": "item_1", "type": "function_call", "call_id": "call_1", "name": "transfer"}
    arguments = '{"target": "advisor"}'
    yield event("response.output_item.added", response_id="resp_1", item={**item, "status": "in_progress"})
    said = {"call_id": "call_1", "name": "transfer", "item_id": "item_1", "arguments": arguments}
    yield event("response.function_call_arguments.done", response_id="resp_1", output_index=0, **said)
    done = {**item, "arguments": arguments, "status": "completed"}
    yield event("response.output_item.done", response_id="resp_1", item=done)
    yield event("response.done", response=response(1, "completed"))


def speech() -> Iterator[Frame]:
    yield event("response.output_audio_transcript.delta", delta="Hello.", **OPEN)
    yield event("response.output_audio.delta", delta=SOUND, **OPEN)


def service() -> ListeningService:
    return ListeningService(answer, [event("session.created", session=DEFAULTS)])


def from_sdk() -> list[Frame]:
    return service().run(World(seed=0), HOST, _talk)


async def _talk() -> None:
    client = AsyncOpenAI(api_key=KEY)
    session: Any = {
        "type": "realtime",
        "instructions": "Role: Triage",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": FORMAT,
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "eagerness": "auto", "create_response": True},
            },
            "output": {"format": FORMAT, "voice": "marin"},
        },
        "tools": [{"type": "function", **TOOL}],
        "tool_choice": "auto",
    }
    async with client.realtime.connect(model=MODEL) as connection:
        await connection.session.update(session=session)
        await connection.input_audio_buffer.append(audio=base64.b64encode(PCM).decode())
        await connection.input_audio_buffer.commit()
        await connection.input_audio_buffer.clear()
        message: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": CALL}]}
        await connection.conversation.item.create(item=message)
        await connection.response.create()
        await _until(connection, "response.done")
        output: Any = {"type": "function_call_output", "call_id": "call_1", "output": '{"status": "accepted"}'}
        await connection.conversation.item.create(item=output)
        await connection.response.create(response={"instructions": "Be short.", "metadata": {"agent": "advisor"}})
        await _until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        await _until(connection, "response.done")
        await connection.conversation.item.truncate(item_id="item_2", content_index=0, audio_end_ms=60)
        await connection.conversation.item.delete(item_id="item_2")


async def _until(connection: Any, type: str) -> None:
    while (await connection.recv()).type != type:
        pass


def from_provider() -> list[Frame]:
    return service().run(World(seed=0), HOST, _provide)


async def _provide() -> None:
    provider = OpenAIRealtimeProvider(KEY, MODEL, timing=LiveTiming(settle_s=0))
    told = Told().listen_to(provider)
    session = VoiceSession(room_id="room", participant_id="caller", channel_id="voice")
    await provider.connect(
        session,
        system_prompt="Role: Triage",
        voice="marin",
        tools=[TOOL],
        input_sample_rate=24_000,
        provider_config={"silence_duration_ms": 500},
    )
    await provider.send_audio(session, PCM)
    await provider.inject_text(session, CALL)
    await told.until(lambda it: it.of("tool_call"))
    await provider.submit_tool_result(session, "call_1", '{"status": "accepted"}')
    await told.until(lambda it: it.of("audio"))
    await provider.send_audio(session, PCM)
    await told.until(lambda it: it.of("speech_start"))
    await provider.interrupt(session)
    await provider.truncate(session, unplayed_ms=40)
    await told.until(lambda it: len(it.of("response_end")) == 2)
    await provider.reconfigure(session, system_prompt="Role: Advisor")
    await provider.reconfigure(session, voice="cedar")
    await provider.disconnect(session)
    await provider.close()
    assert told.steps == ["opened", "updated", "reconnecting", "reseeded"]
