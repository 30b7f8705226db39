"""How a response is spoken or written: its voice, its words and its pace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency
from tests.sim.servers.openai_realtime.rules import LONG, LONG_ANSWER, SPEAKS

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


def test_a_response_is_spoken_in_the_voice_of_the_session(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open(audio={"output": {"voice": "cedar"}})
        await client.ask()
        await client.done()
        return client

    client = stage.run(main)
    assert client.words() == "Hello, this is triage."
    assert client.sound() == speak("Hello, this is triage.", "cedar", 24_000).tobytes()
    said_ms = len(client.sound()) // 48
    assert stage.traced("said")[0].data == {
        "conn": 1,
        "text": "Hello, this is triage.",
        "voice": "cedar",
        "ms": said_ms,
    }
    assert stage.traced("audio_started")[0].data == {"conn": 1, "voice": "cedar"}


def test_audio_comes_in_pieces_a_little_ahead_of_its_real_pace(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER, latency=Latency(think_ms=250, speak_ms=150, chunk_ms=20, lead_ms=200))

    async def main() -> tuple[float, Client]:
        client = await stage.open()
        asked = stage.now_ms
        await client.ask()
        await client.done()
        return asked, client

    asked, client = stage.run(main)
    times = client.at("response.output_audio.delta")
    assert times[0] == asked + 400
    length_ms = len(client.sound()) / 48
    assert times[-1] - times[0] == pytest.approx(length_ms - 220, abs=21)
    assert times[11] - times[0] <= 21, "the first 200 ms come at once"
    assert client.at("response.done") == [times[-1]], "it is done when it is sent, not when it is heard"


def test_the_next_response_is_not_sent_before_the_last_one_can_have_been_heard(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER, latency=Latency(lead_ms=200, think_ms=0, speak_ms=0))

    async def main() -> Client:
        client = await stage.open()
        for count in (1, 2):
            await client.ask()
            await client.done(count)
        return client

    client = stage.run(main)
    times = client.at("response.output_audio.delta")
    half = len(times) // 2
    assert times[half] - times[0] == pytest.approx(len(client.sound()) / 2 / 48 - 200, abs=21)


def test_a_burst_is_sent_at_once_where_the_scenario_wants_it(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER, latency=Latency(lead_ms=60_000))

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.done()
        return client

    times = stage.run(main).at("response.output_audio.delta")
    assert times[0] == times[-1]


def test_the_models_words_run_before_its_sound_and_are_all_there(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.done()
        return client

    client = stage.run(main)
    words, sound = client.at("response.output_audio_transcript.delta"), client.at("response.output_audio.delta")
    assert client.words() == LONG
    assert words[0] <= sound[0] < words[-1] < sound[-1]


def test_a_written_response_has_no_audio_and_locks_no_voice(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open()
        await client.text("Begin.")
        await client.send("response.create", response={"output_modalities": ["text"]})
        await client.done()
        return client

    client = stage.run(main)
    assert client.of("response.output_text.done")[0]["text"] == "Hello, this is triage."
    assert client.sound() == b""
    assert not stage.session.conversation.has_spoken
    assert stage.traced("audio_started") == []
