from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.caller.player import Player
from roomkit_sim.sim.scenario.caller import Caller

Bench = Any  # the class of the fixture
QUIET = np.zeros(800, np.int16)
CLIP = Clip(np.concatenate([QUIET, speak("A question", "caller", 16000), QUIET, QUIET]), 16000)
SPOKEN = len(CLIP.samples) - 2400


def play(
    bench: Bench, script: list[Any], app: Callable[[], Awaitable[None]] | None = None, patience_ms: int = 0
) -> None:
    async def answer() -> None:
        await asyncio.sleep(0.1)
        await bench.answer()
        if app is not None:
            await app()

    async def main() -> None:
        player = Player(
            caller=Caller(script=tuple(script)),
            clips={"ask": CLIP},
            line=bench.transport,
            recorder=bench.recorder,
            voices_of=bench.book.voices_of,
            patience_ms=patience_ms,
        )
        application = asyncio.create_task(answer())
        await player.run()
        application.cancel()

    bench.run(main)


SAY = {"say": {"id": "ask", "text": "A question"}}


def test_speech_is_reported_from_its_first_to_its_last_audible_sample_when_they_are_spoken(bench: Bench) -> None:
    play(bench, [SAY, "hang_up"])
    first = 1600 + 800
    (end,) = bench.data("caller.speech_end")
    assert end["utterance"] == "ask"
    assert end["start_sample"] == pytest.approx(first, abs=80)
    assert end["end_sample"] == pytest.approx(first + SPOKEN, abs=80)
    assert bench.times_ms("caller.speech_start") == [end["start_sample"] / 16]
    assert bench.times_ms("caller.speech_end") == [end["end_sample"] / 16]
    track = bench.transport.caller_track()[1600 : 1600 + len(CLIP.samples)]
    assert np.abs(track.astype(int) - CLIP.samples).max() < 120


def test_script_waits_for_the_voice_of_the_persona_and_for_its_silence(bench: Bench) -> None:
    lengths: list[int] = []

    async def app() -> None:
        bench.persona("triage", "Puck")
        lengths.append(await bench.play("One moment", "Puck"))
        await asyncio.sleep(3)
        bench.persona("advisor", "Kore")
        lengths.append(await bench.play("Hello, I advise you", "Kore"))
        await asyncio.sleep(9)

    script = [
        {"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 8000}},
        {"wait": {"for": "agent_silence", "ms": 500}},
        "hang_up",
    ]
    play(bench, script, app)
    assert bench.times_ms("caller.step")[1] == pytest.approx(3200, abs=1)
    assert bench.times_ms("caller.hang_up") == pytest.approx([3600 + lengths[1] / 16], abs=10)
    assert bench.data("caller.wait_timeout") == []


def test_wait_that_times_out_is_reported_and_ends_the_call(bench: Bench) -> None:
    play(bench, [{"wait": {"for": "agent_speech", "persona": "advisor", "within_ms": 700}}, SAY, "hang_up"])
    assert bench.data("caller.wait_timeout") == [
        {"for": "agent_speech", "within_ms": 700, "persona": "advisor", "step": 1}
    ]
    assert bench.times_ms("caller.wait_timeout") == [800]
    assert bench.data("caller.speech_start") == []
    assert bench.times_ms("line.disconnected") == [800]


def test_wait_for_time_is_exact(bench: Bench) -> None:
    play(bench, [{"wait": {"for": "time", "ms": 777}}, {"hang_up": {"after_ms": 23}}])
    assert bench.times_ms("caller.hang_up") == [900]


def test_caller_hangs_up_the_moment_that_an_event_happens(bench: Bench) -> None:
    async def app() -> None:
        await asyncio.sleep(1.234)
        bench.recorder.emit("runtime", "handoff_decided", accepted=True)
        await asyncio.sleep(5)

    play(bench, [{"hang_up": {"on": "runtime.handoff_decided"}}], app)
    assert bench.times_ms("caller.hang_up") == [1334]
    assert bench.data("caller.wait_timeout") == []


def test_event_that_never_comes_is_reported(bench: Bench) -> None:
    play(bench, [{"hang_up": {"on": "runtime.handoff_decided", "within_ms": 400}}])
    assert bench.data("caller.wait_timeout") == [
        {"for": "runtime.handoff_decided", "within_ms": 400, "persona": None, "step": 1}
    ]
    assert bench.times_ms("caller.hang_up") == [500]


def test_caller_who_is_cut_off_stops_and_does_not_hang_up(bench: Bench) -> None:
    async def app() -> None:
        await asyncio.sleep(0.3)
        await bench.transport.disconnect(bench.session)

    play(bench, [SAY, SAY, "hang_up"], app)
    assert bench.data("caller.cut_off") == [{"step": 1}]
    assert bench.data("caller.hang_up") == []
    assert bench.data("caller.speech_end") == []
    assert bench.data("line.disconnected") == [{"by": "app", "at_sample": 6400}]


def test_script_without_hang_up_hangs_up_at_its_end(bench: Bench) -> None:
    play(bench, [SAY])
    assert len(bench.data("caller.hang_up")) == 1


def test_same_seed_gives_the_same_track_and_trace_and_another_seed_another_track(
    make_bench: Callable[..., Bench],
) -> None:
    benches = [make_bench(seed=seed) for seed in (1, 1, 2)]
    for bench in benches:
        play(bench, [SAY, "hang_up"])
    tracks = [bench.transport.caller_track() for bench in benches]
    assert np.array_equal(tracks[0], tracks[1])
    assert not np.array_equal(tracks[0], tracks[2])
    assert benches[0].recorder.events == benches[1].recorder.events


WAIT = {"wait": {"for": "agent_speech", "within_ms": 1000}}


def test_a_patient_caller_asks_again_until_somebody_speaks(bench: Bench) -> None:
    async def app() -> None:
        await asyncio.sleep(4)
        await bench.play("Here I am, and I have a great deal to say to you about all of this", "Puck")

    play(bench, [SAY, WAIT, "hang_up"], app, patience_ms=10_000)
    assert len(bench.data("caller.repeat")) == len(bench.data("caller.speech_end")) - 1 >= 1
    assert bench.data("caller.repeat")[0] == {"utterance": "ask", "step": 2}
    assert bench.data("caller.wait_timeout") == []


def test_the_patience_of_a_caller_ends(bench: Bench) -> None:
    play(bench, [SAY, WAIT, "hang_up"], patience_ms=3_000)
    (gave_up,) = bench.times_ms("caller.wait_timeout")
    (began, *_) = bench.times_ms("caller.speech_end")
    assert 3_000 <= gave_up - began <= 3_000 + 1_000 + len(CLIP.samples) / 16 + 1_000
    assert bench.data("caller.repeat")


def test_a_caller_who_has_said_nothing_only_waits(bench: Bench) -> None:
    play(bench, [WAIT, "hang_up"], patience_ms=3_000)
    assert bench.data("caller.repeat") == []
    assert bench.times_ms("caller.wait_timeout")[0] >= 3_000
