"""Frames that are strange, merged, or come in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.sim.servers.switched import (
    CALLS,
    SPEAKS,
    TOOLS,
    play,
)

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


def test_the_first_frame_is_not_the_one_that_connect_waits_for(make_stage: MakeStage) -> None:
    stage = make_stage(switches=["gemini.first_frame_lost"])

    async def main() -> Client:
        return await stage.open()

    assert play(stage, main, "gemini.first_frame_lost").kinds() == ["sessionResumptionUpdate", "setupComplete"]


@pytest.mark.parametrize(("switch", "frame"), [("gemini.unknown_key", "serviceNotice"), ("gemini.empty_frame", "")])
def test_a_strange_frame_comes_once(make_stage: MakeStage, switch: str, frame: str) -> None:
    stage = make_stage(SPEAKS, switches=[switch])

    async def main() -> Client:
        client = await stage.open()
        for count in (1, 2):
            await client.text(("user", "Begin."))
            await client.turn(count)
        return client

    client = play(stage, main, switch)
    assert client.kinds().count(frame) == 1
    assert client.words() == SPEAKS["says"] * 2


def test_what_comes_in_two_frames_comes_in_one(make_stage: MakeStage) -> None:
    rules = (CALLS, {"on": "tool_result", "says": "Done."})

    async def main(stage: Stage) -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        await client.answer((await client.until("toolCall", "functionCalls"))[0]["id"], {}, "transfer")
        await client.turn()
        await client.handle()
        return client

    plain, odd = make_stage(*rules), make_stage(*rules, switches=["gemini.merged_frames"])
    ordinary = play(plain, lambda: main(plain))
    merged = play(odd, lambda: main(odd), "gemini.merged_frames")
    assert "sessionResumptionUpdate+toolCall" in merged.kinds()
    assert "serverContent.outputTranscription+modelTurn" in merged.kinds()
    assert (merged.words(), merged.pcm()) == (ordinary.words(), ordinary.pcm())
    assert not {"sessionResumptionUpdate+toolCall"} & set(ordinary.kinds())


@pytest.mark.parametrize("switch", ["any.fragmented_frames", "any.slow_frames", "any.segmented_frames"])
def test_frames_in_parts_are_the_same_frames(make_stage: MakeStage, switch: str) -> None:
    plain, odd = make_stage(SPEAKS), make_stage(SPEAKS, switches=[switch])
    arrivals: dict[str, int] = {"plain": 0, "odd": 0}

    def count(stage: Stage, name: str) -> None:
        class Counts:
            def client_received(self, connection: Any, data: bytes) -> None:
                arrivals[name] += 1

            def __getattr__(self, other: str) -> Any:
                return lambda *args: None

        stage.world.network.observers.append(Counts())  # type: ignore[arg-type]

    async def main(stage: Stage) -> Client:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.turn()
        await client.handle()
        return client

    count(plain, "plain")
    count(odd, "odd")
    ordinary, parts = play(plain, lambda: main(plain)), play(odd, lambda: main(odd), switch)
    assert [frame for _, frame in parts.frames] == [frame for _, frame in ordinary.frames]
    assert arrivals["odd"] > 2 * arrivals["plain"]


def test_an_interruption_leaves_no_half_frame_behind(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, {"hears": "ask", "says": "Certainly."}, switches=["any.slow_frames"])

    async def main() -> Client:
        client = await stage.open()
        await client.text(("user", "Begin."))
        await client.until("serverContent", "modelTurn")
        await client.say("ask")
        await client.turn(2)
        return client

    client = play(stage, main, "any.slow_frames")
    assert client.of("serverContent", "interrupted") == [True]
    assert client.words().endswith("Certainly.")
