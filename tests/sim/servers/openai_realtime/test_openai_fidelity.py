"""The server against events recorded from the live service, and what differs against docs/fidelity.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Persona, Rule
from tests.sim.servers.fidelity import (
    Interactions,
    check,
    needs_recordings,
    received,
    recording,
)

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
WRITTEN = ("openai_text_in_audio_out_turn", "openai_tool_call_round", "openai_message_history_seeding")
SPOKEN = "openai_audio_in_server_vad_turn"
NAMES = (*WRITTEN, SPOKEN)
PARALLEL = "conversation.item.input_audio_transcription."
WORDS, SOUND = "response.output_audio_transcript.delta", "response.output_audio.delta"

pytestmark = needs_recordings


def mind_for(interactions: Interactions) -> dict[str, Persona]:
    """Rules that do what the recorded model did, said in other words."""
    calls = [event for event in received(interactions) if event["type"] == "response.function_call_arguments.done"]
    answer = "It is done, as you wished."
    if not calls:
        rules = (Rule(on="asked_to_speak", says=answer), Rule(hears="ask", says=answer))
        return {"model": Persona(when="/^/", rules=rules)}
    asked = Rule(on="asked_to_speak", calls={call["name"]: json.loads(call["arguments"]) for call in calls})
    return {"model": Persona(when="/^/", rules=(asked, Rule(on="tool_result", says=answer)))}


def speech() -> Iterator[bytes]:
    """What the client of the recording with sound said, cut away in it: words between silence, in pieces of 100 ms."""
    words = speak("I would like some advice about my savings.", "the caller", 24_000)
    pcm = np.concatenate((np.zeros(24_000, np.int16), words, np.zeros(36_000, np.int16))).astype("<i2").tobytes()
    return (pcm[at : at + 4800] for at in range(0, len(pcm), 4800))


async def act(stage: Stage, interactions: Interactions) -> Client:
    """Send the recorded client's events, each when it had received what came before it."""
    client = await stage.dial()
    calls: dict[str, str] = {}
    before: Counter[str] = Counter()
    has_spoken = False
    for direction, event in interactions:
        if direction == "received":
            before[event["type"]] += 1
            if event["type"] == "response.function_call_arguments.done":
                await client.until(event["type"], before[event["type"]])
                calls[event["call_id"]] = client.calls()[-1]["call_id"]
        elif event["type"] == "input_audio_buffer.append":
            for piece in [] if has_spoken else speech():
                await client.audio(piece)
            has_spoken = True
        else:
            for awaited in ("session.created", "session.updated", "response.done"):
                if before[awaited]:
                    await client.until(awaited, before[awaited])
            text = json.dumps(event)
            for recorded, ours in calls.items():
                text = text.replace(recorded, ours)
            await client.socket.send(text)
    await client.done(before["response.done"])
    if any(event["type"].startswith(PARALLEL) for event in received(interactions)):
        await client.until(f"{PARALLEL}completed")
    return client


def play(make_stage: MakeStage, name: str) -> tuple[Client, list[dict[str, Any]]]:
    interactions = recording(name)
    stage = make_stage(personas=mind_for(interactions))
    client = stage.run(lambda: act(stage, interactions))
    assert stage.traced("refused") == []
    return client, received(interactions)


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_client_is_answered_as_by_the_service(make_stage: MakeStage, name: str) -> None:
    client, theirs = play(make_stage, name)
    ours = [event for _, event in client.frames]
    check(name, ours, theirs)


def test_the_callers_words_come_in_pieces_while_the_answer_runs(make_stage: MakeStage) -> None:
    client, theirs = play(make_stage, SPOKEN)
    for events in ([event for _, event in client.frames], theirs):
        kinds = [event["type"] for event in events]
        assert kinds.index("response.created") < kinds.index(f"{PARALLEL}delta") < kinds.index(f"{PARALLEL}completed")
        first = next(event["delta"] for event in events if event["type"] == f"{PARALLEL}delta")
        assert first.startswith(" ")


@pytest.mark.parametrize("name", ["openai_text_in_audio_out_turn", SPOKEN])
def test_the_models_words_run_before_its_audio(make_stage: MakeStage, name: str) -> None:
    client, theirs = play(make_stage, name)
    for events in ([event for _, event in client.frames], theirs):
        kinds = [event["type"] for event in events]
        assert kinds.index(WORDS) < kinds.index(SOUND)


@pytest.mark.parametrize("name", NAMES)
def test_deltas_are_obfuscated_to_one_length(make_stage: MakeStage, name: str) -> None:
    client, theirs = play(make_stage, name)
    for events in ([event for _, event in client.frames], theirs):
        hidden = [event for event in events if "obfuscation" in event]
        assert {(len(event["delta"]) + len(event["obfuscation"])) % 16 for event in hidden} == {0}
        assert not any("obfuscation" in event for event in events if event["type"] == SOUND)


def test_arguments_come_in_several_pieces_with_white_space(make_stage: MakeStage) -> None:
    client, theirs = play(make_stage, "openai_tool_call_round")
    kind = "response.function_call_arguments"
    for events in ([event for _, event in client.frames], theirs):
        pieces = [event["delta"] for event in events if event["type"] == f"{kind}.delta"]
        [whole] = [event["arguments"] for event in events if event["type"] == f"{kind}.done"]
        assert "".join(pieces) == whole
        assert len(pieces) > 5
        assert "\n" in whole
        assert json.loads(whole) == {"city": "London"}
