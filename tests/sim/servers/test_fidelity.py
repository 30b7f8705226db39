"""The server against frames recorded from the live service: same names, same nesting, same order.

The recordings lie beside the project, not in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from roomkit_sim.sim.scenario.mind import Persona, Rule

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "protocol"
NAMES = ("gemini_text_in_audio_out_turn", "gemini_tool_call_round", "gemini_message_history_seeding")
ONLY_WHEN_THE_MODEL_THOUGHT = "thoughtsTokenCount"

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"the frames recorded from the live service are not at {RECORDINGS}"
)

Interactions = list[tuple[str, dict[str, Any]]]


def recording(name: str) -> Interactions:
    document = yaml.safe_load((RECORDINGS / f"{name}.yaml").read_text())
    return [(item["direction"], item["data"]) for item in document["interactions"]]


def is_thought(frame: dict[str, Any]) -> bool:
    parts = frame.get("serverContent", {}).get("modelTurn", {}).get("parts", [])
    return any(part.get("thought") for part in parts)


def received(interactions: Interactions) -> list[dict[str, Any]]:
    return [frame for direction, frame in interactions if direction == "received" and not is_thought(frame)]


def fields(value: Any, path: str = "") -> Iterator[str]:
    """Every key path of a frame, in order. What is under ``args`` is the application's own."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key != ONLY_WHEN_THE_MODEL_THOUGHT:
                yield f"{path}.{key}"
                if key != "args":
                    yield from fields(item, f"{path}.{key}")
    elif isinstance(value, list) and value:
        # Usage lists one item a modality; each looks the same.
        yield from fields(value[0], f"{path}[]")


def shape(frame: dict[str, Any]) -> tuple[str, ...]:
    return tuple(fields(frame))


def course(frames: list[dict[str, Any]]) -> list[str]:
    """What comes after what: words and audio of one answer are mixed freely, and count as speech."""
    steps: list[str] = []
    for frame in frames:
        content = frame.get("serverContent", {})
        step = "speech" if content.keys() & {"outputTranscription", "modelTurn"} else "+".join([*frame, *content])
        if steps[-1:] != [step]:
            steps.append(step)
    return steps


def mind_for(interactions: Interactions) -> dict[str, Persona]:
    """Rules that do what the recorded model did, said in other words."""
    calls = [
        call
        for frame in received(interactions)
        for call in frame.get("toolCall", {}).get("functionCalls", [])
    ]  # fmt: skip
    answer = "It is done as you wished."
    if not calls:
        return {"model": Persona(when="/^/", rules=(Rule(on="asked_to_speak", says=answer),))}
    asked = Rule(on="asked_to_speak", calls={call["name"]: call["args"] for call in calls})
    return {"model": Persona(when="/^/", rules=(asked, Rule(on="tool_result", says=answer)))}


async def act(stage: Stage, interactions: Interactions) -> Client:
    """Send the recorded client's frames, each when it had received what came before it."""
    client = await stage.dial()
    ids: dict[str, str] = {}
    for direction, frame in interactions:
        if direction == "sent":
            text = json.dumps(frame)
            for recorded, ours in ids.items():
                text = text.replace(recorded, ours)
            await client.send(json.loads(text))
        elif "setupComplete" in frame:
            await client.until("setupComplete")
        elif "toolCall" in frame:
            ours = (await client.until("toolCall"))["functionCalls"]
            ids |= {
                theirs["id"]: own["id"] for theirs, own in zip(frame["toolCall"]["functionCalls"], ours, strict=True)
            }
    await client.turn()
    return client


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_client_is_answered_in_the_order_of_the_service(make_stage: MakeStage, name: str) -> None:
    interactions = recording(name)
    stage = make_stage(personas=mind_for(interactions))
    client = stage.run(lambda: act(stage, interactions))
    assert stage.events("refused") == []
    assert course([frame for _, frame in client.frames]) == course(received(interactions))


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_has_the_fields_of_the_services_in_its_order(make_stage: MakeStage, name: str) -> None:
    interactions = recording(name)
    stage = make_stage(personas=mind_for(interactions))
    client = stage.run(lambda: act(stage, interactions))
    ours, theirs = {shape(frame) for _, frame in client.frames}, {shape(frame) for frame in received(interactions)}
    assert ours == theirs
    assert len(ours) >= 5


def test_ids_of_calls_look_like_the_services(make_stage: MakeStage) -> None:
    interactions = recording("gemini_tool_call_round")
    stage = make_stage(personas=mind_for(interactions))
    client = stage.run(lambda: act(stage, interactions))
    [theirs] = [frame["toolCall"]["functionCalls"][0]["id"] for frame in received(interactions) if "toolCall" in frame]
    [ours] = [call["id"] for calls in client.of("toolCall", "functionCalls") for call in calls]
    assert len(ours) == len(theirs)
    assert ours.rstrip("0123456789") == theirs.rstrip("0123456789")


def test_audio_has_the_mime_type_of_the_service_and_no_role(make_stage: MakeStage) -> None:
    interactions = recording("gemini_text_in_audio_out_turn")
    stage = make_stage(personas=mind_for(interactions))
    client = stage.run(lambda: act(stage, interactions))
    turns = [frame["serverContent"]["modelTurn"] for frame in received(interactions) if "speech" in course([frame])
             and "modelTurn" in frame["serverContent"]]  # fmt: skip
    [types] = [{part["inlineData"]["mimeType"] for turn in found for part in turn["parts"]}
               for found in (turns + client.of("serverContent", "modelTurn"),)]  # fmt: skip
    assert types == {"audio/pcm;rate=24000"}
