"""The misbehaviours of the service, each switched on by its name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.switches import switches_of

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
TOOLS = [
    {"type": "function", "name": "note"},
    {
        "type": "function",
        "name": "transfer",
        "parameters": {"type": "object", "properties": {"target": {"type": "string"}}, "required": ["target"]},
    },
]
SPEAKS = {"on": "asked_to_speak", "says": "Hello, this is triage."}
NOTES = {"on": "asked_to_speak", "calls": {"note": {}}}
HEARS = {"hears": "ask", "says": "Certainly."}
TRANSCRIPT = "conversation.item.input_audio_transcription"


def misbehaved(stage: Stage) -> list[Any]:
    return [event.data["switch"] for event in stage.traced("misbehaved")]


async def asked(stage: Stage, **session: Any) -> Client:
    client = await stage.open(**session)
    await client.ask()
    await client.done()
    return client


# The voice and the formats


def test_the_voice_in_use_cannot_even_be_named_again(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["openai.cannot_update_voice"])

    async def main() -> Client:
        client = await stage.open(audio={"output": {"voice": "marin"}})
        await client.update(audio={"output": {"voice": "marin"}})
        await client.ask()
        await client.done()
        await client.update(instructions="Role: Triage, again", audio={"output": {"voice": "marin"}})
        await client.error()
        await client.update(instructions="Role: Triage, again")
        await client.until("session.updated", 3)
        return client

    client = stage.run(main)
    [error] = [event["error"] for event in client.of("error")]
    assert (error["code"], error["param"]) == ("cannot_update_voice", "session.audio.output.voice")
    assert misbehaved(stage) == ["openai.cannot_update_voice"]


def test_a_new_voice_is_echoed_and_not_heard(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["openai.voice_ignored"])
    client = stage.run(lambda: asked(stage, audio={"output": {"voice": "marin"}}))
    assert client.of("session.updated")[0]["session"]["audio"]["output"]["voice"] == "marin"
    assert client.sound() == speak("Hello, this is triage.", "alloy", 24_000).tobytes()
    assert stage.traced("persona")[0].data["voice"] == "marin"
    assert stage.traced("audio_started")[0].data["voice"] == "alloy"


def test_a_session_that_has_spoken_keeps_its_voice_when_the_switch_is_flipped(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> None:
        client = await asked(stage, audio={"output": {"voice": "marin"}})
        stage.server.switches.flip("openai.voice_ignored")
        await client.ask()
        await client.done(2)

    stage.run(main)
    assert {event.data["voice"] for event in stage.traced("audio_started")} == {"marin"}
    assert misbehaved(stage) == []


def test_an_update_sets_the_formats_back(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["openai.format_reset"])
    telephone, pcm = {"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 24_000}

    async def main() -> Client:
        client = await stage.open(audio={"input": {"format": telephone}, "output": {"format": telephone}})
        await client.update(audio={"output": {"format": telephone}})
        await client.update(instructions="Role: Triage, again")
        await client.ask()
        await client.done()
        return client

    client = stage.run(main)
    audio = [event["session"]["audio"] for event in client.of("session.updated")]
    assert [(side["input"]["format"], side["output"]["format"]) for side in audio] == [
        (telephone, telephone),
        (pcm, telephone),
        (pcm, pcm),
    ]
    assert client.sound() == speak("Hello, this is triage.", "alloy", 24_000).tobytes()


# The connection


@pytest.mark.parametrize(
    ("switch", "status"),
    [("any.upgrade_401", 401), ("any.upgrade_403", 403), ("any.upgrade_429", 429), ("any.upgrade_503", 503)],
)
def test_an_upgrade_is_refused_with_the_status_of_the_switch(make_stage: MakeStage, switch: str, status: int) -> None:
    stage = make_stage(switches=[switch])

    async def main() -> tuple[int, Any]:
        with pytest.raises(InvalidStatus) as caught:
            await stage.dial()
        return caught.value.response.status_code, json.loads(caught.value.response.body or b"{}")

    refused, body = stage.run(main)
    assert refused == status
    assert body["error"]["message"]
    assert misbehaved(stage) == [switch]


def test_one_connection_is_closed_without_a_word_when_a_response_is_done(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["openai.silent_close"])

    async def main() -> Client:
        first = await asked(stage)
        await first.closed()
        second = await asked(stage)
        await asyncio.sleep(5)
        assert second.code is None
        return first

    first = stage.run(main)
    assert (first.code, first.kinds()[-1]) == (1001, "response.done")


def test_a_session_expires_ten_seconds_after_its_beginning(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["openai.session_expires"])

    async def main() -> Client:
        client = await stage.open()
        await client.quiet(12_000)
        return client

    with pytest.raises(ConnectionClosed, match="1001"):
        stage.run(main)
    [refused] = stage.traced("refused")
    assert refused.data["code"] == "session_expired"
    assert 10_000 <= refused.t_ns / 1e6 <= 10_200


def test_an_event_of_a_new_type_comes_in_every_response(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, switches=["openai.unknown_event"])
    kinds = stage.run(lambda: asked(stage)).kinds()
    assert kinds[kinds.index("response.created") + 1] == "response.mood.delta"


@pytest.mark.parametrize("switch", ["any.fragmented_frames", "any.slow_frames", "any.segmented_frames"])
def test_frames_in_parts_are_the_same_frames(make_stage: MakeStage, switch: str) -> None:
    plain, parted = make_stage(SPEAKS), make_stage(SPEAKS, switches=[switch])
    whole = plain.run(lambda: asked(plain))
    parts = parted.run(lambda: asked(parted))
    assert [event for _, event in parts.frames] == [event for _, event in whole.frames]
    assert misbehaved(parted) == [switch]


def test_an_interruption_leaves_no_half_frame_behind(make_stage: MakeStage) -> None:
    stage = make_stage({**SPEAKS, "says": "A long answer to a short question. " * 5}, switches=["any.slow_frames"])

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.until("response.output_audio.delta", 10)
        await client.send("response.cancel")
        await client.done()
        await client.ask()
        await client.until("response.output_audio.delta", 20)
        return client

    assert [event["response"]["status"] for event in stage.run(main).of("response.done")] == ["cancelled"]


# Tools


def test_all_calls_of_a_connection_have_one_id(make_stage: MakeStage) -> None:
    stage = make_stage(NOTES, switches=["openai.duplicate_call_ids"])

    async def main() -> Client:
        client = await asked(stage, tools=TOOLS)
        for count in (1, 2):
            await client.answer(client.calls()[-1]["call_id"], f"answer {count}")
            await client.ask()
            await client.done(count + 1)
        return client

    client = stage.run(main)
    assert len(client.calls()) == 3
    assert len({call["call_id"] for call in client.calls()}) == 1
    assert client.of("error") == []


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("any.talks_instead_of_tool", "I am transferring you now."),
        ("any.speaks_the_call", "call:note{}"),
    ],
)
def test_words_come_instead_of_a_call(make_stage: MakeStage, switch: str, words: str) -> None:
    stage = make_stage(NOTES, switches=[switch])
    client = stage.run(lambda: asked(stage, tools=TOOLS))
    assert client.words() == words
    assert client.calls() == []
    assert stage.traced("tool_call") == []


def test_a_call_comes_together_with_another_one(make_stage: MakeStage) -> None:
    stage = make_stage(NOTES, switches=["any.parallel_tools"])
    client = stage.run(lambda: asked(stage, tools=TOOLS))
    calls = [(call["name"], json.loads(call["arguments"])) for call in client.calls()]
    assert calls == [("note", {}), ("transfer", {"target": "something"})]


# The caller's words


async def heard_twice(stage: Stage) -> Client:
    client = await stage.open()
    for count, utterance in enumerate(("ask", "thanks"), start=1):
        await client.say(utterance)
        await client.done(count)
    await asyncio.sleep(8)
    return client


def completed(client: Client) -> list[str]:
    return [event["transcript"] for event in client.of(f"{TRANSCRIPT}.completed")]


def test_words_come_in_time_without_a_switch(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)
    client = stage.run(lambda: heard_twice(stage))
    assert completed(client) == ["I would like some advice about my savings.", "Thank you, goodbye."]
    assert client.at(f"{TRANSCRIPT}.completed")[0] < client.at("response.done")[0]


def test_words_come_late(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS, switches=["openai.transcripts_late"])
    client = stage.run(lambda: heard_twice(stage))
    assert len(completed(client)) == 2
    assert client.at(f"{TRANSCRIPT}.delta")[0] - client.at("input_audio_buffer.committed")[0] == 3100
    assert client.at(f"{TRANSCRIPT}.completed")[0] > client.at("response.done")[0]


def test_words_come_out_of_order(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS, switches=["openai.transcripts_out_of_order"])
    client = stage.run(lambda: heard_twice(stage))
    assert completed(client) == ["Thank you, goodbye.", "I would like some advice about my savings."]
    first, second = client.at(f"{TRANSCRIPT}.completed")
    assert second - first < 500, "the one follows the other"
    items = [event["item_id"] for event in client.of("input_audio_buffer.committed")]
    assert [event["item_id"] for event in client.of(f"{TRANSCRIPT}.completed")] == items[::-1]


def test_words_that_wait_for_a_turn_that_never_comes_are_sent_in_the_end(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS, switches=["openai.transcripts_out_of_order"])

    async def main() -> Client:
        client = await stage.open()
        await client.say("ask")
        await client.until(f"{TRANSCRIPT}.completed")
        return client

    client = stage.run(main)
    assert client.at(f"{TRANSCRIPT}.delta")[0] - client.at("input_audio_buffer.committed")[0] == 5000


def test_words_never_come(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS, switches=["openai.transcripts_missing"])
    client = stage.run(lambda: heard_twice(stage))
    assert not any(TRANSCRIPT in kind for kind in client.kinds())
    assert misbehaved(stage) == ["openai.transcripts_missing"]


@pytest.mark.parametrize("name", [switch.name for switch in switches_of("openai-realtime")])
def test_every_switch_is_seen_on_the_wire(name: str) -> None:
    assert f'"{name}"' in Path(__file__).read_text()
