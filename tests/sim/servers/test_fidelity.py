"""The server against frames recorded from the live service, and what differs against docs/fidelity.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

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
NAMES = ("gemini_text_in_audio_out_turn", "gemini_tool_call_round", "gemini_message_history_seeding")

pytestmark = needs_recordings


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
def test_the_recorded_client_is_answered_as_by_the_service(make_stage: MakeStage, name: str) -> None:
    interactions = recording(name)
    stage = make_stage(personas=mind_for(interactions))
    client = stage.run(lambda: act(stage, interactions))
    ours, theirs = [frame for _, frame in client.frames], received(interactions)
    assert stage.traced("refused") == []
    check(name, ours, theirs)
