from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from roomkit_sim.errors import AppError, ConfigurationError
from roomkit_sim.sim.audio.alignment import align, coverage
from roomkit_sim.sim.audio.pcm import from_bytes, nanoseconds, to_bytes
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.caller.line import PhoneLine, environment_secret

Bench = Any  # the class of the fixture


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_frames_leave_every_20_ms_on_the_lines_clock_and_are_the_callers_track(
    make_bench: Callable[..., Bench], rate_hz: int
) -> None:
    bench = make_bench(rate_hz)

    async def call() -> None:
        await asyncio.sleep(0.1)
        frames = asyncio.create_task(bench.transport.carry())
        await bench.answer()
        await asyncio.sleep(0.5)
        assert bench.transport.speak(np.full(100, 9000, np.int16)) == rate_hz * 6 // 10
        await asyncio.sleep(0.5)
        await bench.transport.hang_up()
        await frames

    bench.run(call)
    times = [t_ns for t_ns, _ in bench.frames]
    assert times[0] == 120_000_000
    assert {later - earlier for earlier, later in pairwise(times)} == {20_000_000}
    sent = np.concatenate([from_bytes(frame.data) for _, frame in bench.frames])
    track = bench.transport.caller_track()
    assert len(track) == rate_hz * 11 // 10
    assert not track[: rate_hz // 10].any()
    assert np.array_equal(track[rate_hz // 10 : rate_hz // 10 + len(sent)], sent)
    assert track[rate_hz * 6 // 10 : rate_hz * 6 // 10 + 100].min() > 8800
    assert abs(int(track[rate_hz * 6 // 10 - 1])) < 200
    assert bench.frames[0][1].timestamp_ms == 100
    assert bench.session.metadata["transport_sample_rate"] == rate_hz


def test_late_frames_catch_up_and_none_is_left_out(bench: Bench) -> None:
    delays = iter([0.25])

    async def slow(session: object, frame: object) -> None:
        await asyncio.sleep(next(delays, 0))

    bench.transport.on_audio_received(slow)

    async def call() -> None:
        await bench.answer()
        frames = asyncio.create_task(bench.transport.carry())
        await asyncio.sleep(1.001)
        await bench.transport.hang_up()
        await frames

    bench.run(call)
    assert len(bench.frames) == 50
    assert [t_ns for t_ns, _ in bench.frames[1:13]] == [270_000_000] * 12
    assert bench.frames[20][0] == 21 * 20_000_000


def test_audio_plays_from_the_moment_that_it_arrives_and_bursts_append(bench: Bench) -> None:
    first, second = speak("Hello", "Puck", 16000), speak("Good bye now", "Kore", 16000)

    async def call() -> None:
        await bench.answer()
        await asyncio.sleep(0.25)
        await bench.transport.send_audio(bench.session, to_bytes(first))
        await asyncio.sleep(0.1)
        await bench.transport.send_audio(bench.session, to_bytes(second))
        await bench.transport.wait_played(bench.session)
        await asyncio.sleep(0.5)
        await bench.transport.hang_up()

    bench.run(call)
    heard = bench.transport.agent_track()
    wanted = np.concatenate([np.zeros(4000, np.int16), first, second])
    assert np.array_equal(heard[: len(wanted)], wanted)
    assert not heard[len(wanted) :].any()
    assert len(heard) == len(wanted) + 8000


def test_interrupt_drops_exactly_what_is_not_played(bench: Bench) -> None:
    sound = speak("This is a long sentence which nobody wants to hear", "Puck", 16000)

    async def call() -> None:
        await bench.answer()
        await bench.transport.send_audio(bench.session, to_bytes(sound))
        await asyncio.sleep(0.5)
        bench.transport.interrupt(bench.session)
        bench.transport.interrupt(bench.session)
        await asyncio.sleep(0.2)
        await bench.transport.send_audio(bench.session, to_bytes(sound[:1600]))
        await asyncio.sleep(0.5)
        await bench.transport.hang_up()

    bench.run(call)
    heard = bench.transport.agent_track()
    assert np.array_equal(heard[:8000], sound[:8000])
    assert not heard[8000:11200].any()
    assert np.array_equal(heard[11200:12800], sound[:1600])
    assert bench.data("line.effect") == [
        {"effect": "interrupt", "at_sample": 8000, "dropped_samples": len(sound) - 8000}
    ]
    assert bench.data("line.agent_silence")[0]["start_sample"] <= 12800


def test_audible_runs_are_reported_with_their_voice(bench: Bench) -> None:
    async def call() -> None:
        bench.persona("triage", "Puck")
        bench.persona("advisor", "Kore")
        await asyncio.sleep(0.1)
        await bench.answer()
        await bench.play("One moment please", "Puck")
        await bench.transport.send_audio(bench.session, bytes(2 * 16000))
        await bench.play("Hello, I advise you", "Kore")
        await asyncio.sleep(6)
        await bench.transport.hang_up()

    bench.run(call)
    first, second = len(speak("One moment please", "Puck", 16000)), len(speak("Hello, I advise you", "Kore", 16000))
    audio, silence = bench.data("line.agent_audio"), bench.data("line.agent_silence")
    assert [(event["start_sample"], event["voice"]) for event in audio] == [
        (1600, "Puck"),
        (1600 + first + 16000, "Kore"),
    ]
    assert silence[0]["start_sample"] == pytest.approx(1600 + first, abs=80)
    assert silence[1]["start_sample"] == pytest.approx(1600 + first + 16000 + second, abs=80)
    # Each is reported when it is heard, although all was sent in one burst.
    assert bench.times_ms("line.agent_audio") == [100, (1600 + first + 16000) / 16]
    ends = [event["start_sample"] / 16 + 300 for event in silence]
    assert bench.times_ms("line.agent_silence") == pytest.approx(ends, abs=0.1)


def test_audio_that_was_dropped_before_it_began_is_not_reported(bench: Bench) -> None:
    async def call() -> None:
        await bench.answer()
        await bench.play("Hello", "Puck")
        await bench.transport.send_audio(bench.session, bytes(2 * 16000))
        await bench.play("Never heard", "Kore")
        await asyncio.sleep(0.8)
        bench.transport.interrupt(bench.session)
        await asyncio.sleep(3)
        await bench.transport.hang_up()

    bench.run(call)
    assert len(bench.data("line.agent_audio")) == 1
    assert len(bench.data("line.agent_silence")) == 1


def test_wait_for_a_voice_ignores_other_voices(bench: Bench) -> None:
    async def call() -> tuple[bool, int, bool]:
        bench.persona("triage", "Puck")
        bench.persona("advisor", "Kore")
        await bench.answer()
        first = await bench.play("One moment please", "Puck")
        await bench.play("Hello", "Kore")
        heard = await bench.transport.wait_speech(("Kore",), 5_000_000_000)
        assert bench.transport.agent_voice() == "Kore"
        now = bench.world.now_ns
        gave_up = await bench.transport.wait_speech(("Charon",), 1_000_000_000)
        return heard, now - nanoseconds(first, 16000), gave_up

    heard, late_ns, gave_up = bench.run(call)
    assert heard
    assert -20_000_000 <= late_ns <= 200_000_000
    assert not gave_up


def test_wait_for_silence_counts_from_the_last_audible_sample(bench: Bench) -> None:
    async def call() -> float:
        await bench.answer()
        length = await bench.play("Hello there", "Puck")
        await bench.transport.send_audio(bench.session, bytes(3200))
        assert await bench.transport.wait_silence(600_000_000, 9_000_000_000)
        return bench.world.now_ns / 1e6 - length / 16

    assert bench.run(call) == pytest.approx(600, abs=5)


def test_silence_before_anybody_spoke_does_not_count(bench: Bench) -> None:
    async def call() -> bool:
        await bench.answer()
        return bool(await bench.transport.wait_silence(100_000_000, 2_000_000_000))

    assert not bench.run(call)


def test_speech_that_comes_during_the_silence_restarts_it(bench: Bench) -> None:
    async def call() -> float:
        await bench.answer()
        first = await bench.play("Hello", "Puck")

        async def more() -> None:
            await asyncio.sleep(first / 16000 + 0.3)
            await bench.play("Hello", "Puck")

        task = asyncio.create_task(more())
        assert await bench.transport.wait_silence(600_000_000, 9_000_000_000)
        await task
        return bench.world.now_ns / 1e6 - 2 * first / 16

    assert bench.run(call) == pytest.approx(900, abs=5)


def test_muted_callers_are_recorded_but_not_delivered(bench: Bench) -> None:
    async def call() -> None:
        await bench.answer()
        frames = asyncio.create_task(bench.transport.carry())
        bench.transport.set_input_muted(bench.session, True)
        await asyncio.sleep(0.201)
        bench.transport.set_input_muted(bench.session, False)
        await asyncio.sleep(0.2)
        await bench.transport.hang_up()
        await frames

    bench.run(call)
    assert len(bench.frames) == 10
    assert np.count_nonzero(bench.transport.caller_track()[:3200]) > 3000


def test_the_application_is_told_once_that_the_caller_has_hung_up(bench: Bench) -> None:
    told: list[object] = []

    async def gone(session: object) -> None:
        told.append(session)

    bench.transport.on_client_disconnected(gone)

    async def call() -> None:
        await bench.answer()
        await bench.transport.hang_up()
        await bench.transport.hang_up()
        await bench.transport.disconnect(bench.session)
        await bench.play("Nobody hears this", "Puck")

    bench.run(call)
    assert told == [bench.session]
    assert bench.data("line.disconnected") == [{"by": "caller", "at_sample": 0}]
    assert bench.data("line.agent_audio") == []


def test_line_takes_its_own_connection_once(bench: Bench) -> None:
    async def call() -> None:
        with pytest.raises(AppError, match=r"line\.connection"):
            await bench.transport.accept(bench.session, None)
        await bench.answer()
        with pytest.raises(AppError, match="one session"):
            await bench.answer()

    bench.run(call)


def test_nobody_can_be_spoken_to_before_the_call_is_answered(bench: Bench) -> None:
    async def call() -> None:
        with pytest.raises(AppError, match="nobody has answered"):
            bench.transport.speak(np.ones(10, np.int16))

    bench.run(call)
    assert not bench.transport.caller_track().any()


def test_what_the_frames_lost_can_be_accounted_for(bench: Bench) -> None:
    async def call() -> None:
        await bench.answer()
        frames = asyncio.create_task(bench.transport.carry())
        await asyncio.sleep(3.001)
        await bench.transport.hang_up()
        await frames

    bench.run(call)
    sent = [from_bytes(frame.data) for _, frame in bench.frames]
    received = np.concatenate(sent[:40] + sent[43:100] + sent[98:])
    found = coverage(align(bench.transport.caller_track(), received, 16000), 0, 48000, 32)
    assert [(span.start_sample // 16, span.end_sample // 16) for span in found.lost] == [(800, 860)]
    assert [(span.start_sample // 16, span.end_sample // 16) for span in found.doubled] == [(1960, 2000)]


def test_secrets_are_placeholders_unless_the_call_is_live(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.line.secret("GEMINI_API_KEY") == "simulated-GEMINI_API_KEY"
    live = PhoneLine("call-2", bench.transport, 16000, bench.transport.connection, environment_secret)
    monkeypatch.setenv("SOME_KEY", "real")
    assert live.secret("SOME_KEY") == "real"
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(ConfigurationError, match="SOME_KEY"):
        live.secret("SOME_KEY")
