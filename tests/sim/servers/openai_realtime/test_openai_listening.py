"""What a session hears: its formats, how turns are found or said, and the caller's words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from roomkit_sim.sim.audio.g711 import A_LAW, MU_LAW, Law
from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
HEARS = {"hears": "ask", "says": "Certainly."}
WORDS = "I would like some advice about my savings."
LAWS = [("audio/pcmu", MU_LAW), ("audio/pcma", A_LAW)]


def detection(**fields: Any) -> dict[str, Any]:
    return {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500, **fields}}}


# Formats


@pytest.mark.parametrize(("name", "law"), LAWS)
def test_telephone_audio_is_understood_and_given_back(make_stage: MakeStage, name: str, law: Law) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        format = {"format": {"type": name}}
        client = await stage.open(audio={"input": format, "output": {**format, "voice": "marin"}})
        quiet = np.zeros(8_000, np.int16)
        pcm = np.concatenate((quiet, speak(WORDS, "the caller", 8_000), quiet)).astype("<i2").tobytes()
        data = law.encode(pcm)
        for at in range(0, len(data), 160):
            await client.audio(data[at : at + 160])
            await asyncio.sleep(0.02)
        await client.done()
        return client

    client = stage.run(main)
    assert stage.traced("heard")[0].data["utterance"] == "ask"
    sound = client.sound()
    assert sound == law.encode(speak("Certainly.", "marin", 8_000).tobytes())
    voices = VoiceIdentifier()
    for voice in ("alloy", "marin", "cedar"):
        voices.add(voice)
    assert voices.dominant(np.frombuffer(law.decode(sound), "<i2"), 8_000) == "marin"
    assert client.of("response.done")[0]["response"]["audio"]["output"]["format"] == {"type": name}


@pytest.mark.parametrize(("name", "law"), LAWS)
def test_lengths_count_time_and_not_bytes(make_stage: MakeStage, name: str, law: Law) -> None:
    stage = make_stage({"on": "asked_to_speak", "says": "Hello there."})

    async def main() -> None:
        client = await stage.open(audio={"output": {"format": {"type": name}}})
        await client.ask()
        await client.done()

    stage.run(main)
    length_ms = len(speak("Hello there.", "alloy", 8_000)) / 8
    assert stage.session.conversation.items[-1].audio_ms == round(length_ms)


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        ("AAA=", None),
        ("AAAA", "invalid_value"),
        ("AA", "invalid_value"),
        ("%%%%", "invalid_value"),
        ("AAA=AAA=", "invalid_value"),
        ("é===", "invalid_value"),
        (None, "invalid_type"),
        (base64.b64encode(bytes(15 * 1024 * 1024 + 2)).decode(), "invalid_value"),
    ],
    ids=["two bytes", "three bytes", "cut", "no base64", "two in one", "not ascii", "null", "too much"],
)
def test_audio_that_is_none_is_refused(make_stage: MakeStage, audio: str | None, code: str | None) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        await client.send("input_audio_buffer.append", audio=audio, event_id="mine")
        await client.update()
        await client.until("session.updated", 2)
        return client

    errors = [event["error"] for event in stage.run(main).of("error")]
    assert [(error["code"], error["param"], error["event_id"]) for error in errors] == (
        [] if code is None else [(code, "audio", "mine")]
    )


def test_received_audio_is_kept_at_16_khz_at_its_time(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> bytes:
        client = await stage.open()
        await client.play(speak(WORDS, "the caller", 24_000))
        await asyncio.sleep(1)
        return stage.session.received or b""

    kept = np.frombuffer(stage.run(main), "<i2").astype(float)
    same = speak(WORDS, "the caller", 16_000)[: len(kept)].astype(float)
    assert np.corrcoef(kept, same)[0, 1] > 0.99


def test_audio_at_another_rate_than_the_sessions_is_not_understood(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> None:
        client = await stage.open()
        await client.play(speak(WORDS, "the caller", 16_000))
        await client.quiet(700)
        await client.done()

    stage.run(main)
    assert stage.traced("heard")[0].data["utterance"] is None


# Turns that the server finds


def test_where_a_turn_was_is_told_in_milliseconds_of_the_stream(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        client = await stage.open(audio=detection(prefix_padding_ms=100, silence_duration_ms=400))
        await client.quiet(1000)
        await client.say("ask")
        await client.done()
        return client

    client = stage.run(main)
    [started] = client.of("input_audio_buffer.speech_started")
    [stopped] = client.of("input_audio_buffer.speech_stopped")
    [committed] = client.of("input_audio_buffer.committed")
    spoken_ms = len(speak(WORDS, "the caller", 24_000)) / 24
    assert started["audio_start_ms"] == pytest.approx(1000, abs=40)
    assert stopped["audio_end_ms"] == pytest.approx(1100 + spoken_ms + 400, abs=120)
    item = client.of("conversation.item.added")[0]["item"]
    assert {started["item_id"], stopped["item_id"], committed["item_id"], item["id"]} == {item["id"]}


@pytest.mark.parametrize(
    ("turn_detection", "waits_ms"),
    [
        ({"type": "server_vad", "silence_duration_ms": 400}, 400),
        ({"type": "server_vad", "silence_duration_ms": 1500}, 1500),
        ({"type": "semantic_vad"}, 600),
        ({"type": "semantic_vad", "eagerness": "low"}, 1200),
        ({"type": "semantic_vad", "eagerness": "high"}, 420),
    ],
)
def test_a_turn_ends_after_the_silence_that_the_session_wants(
    make_stage: MakeStage, turn_detection: dict[str, Any], waits_ms: int
) -> None:
    stage = make_stage(HEARS, latency=Latency(hangover_ms=600))

    async def main() -> tuple[float, Client]:
        client = await stage.open(audio={"input": {"turn_detection": turn_detection}})
        await client.say("ask", then_quiet_ms=0)
        ended = stage.now_ms
        await client.quiet(2500)
        return ended, client

    ended, client = stage.run(main)
    [stopped] = client.at("input_audio_buffer.speech_stopped")
    assert stopped - ended == pytest.approx(waits_ms, abs=125)


def test_a_short_silence_cuts_a_sentence_in_two_as_with_the_service(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> None:
        client = await stage.open(audio=detection(silence_duration_ms=200))
        await client.quiet(100)
        words = speak(WORDS, "the caller", 24_000)
        half = len(words) // 2
        await client.play(words[:half])
        await client.quiet(400)
        await client.play(words[half:])
        await client.quiet(700)

    stage.run(main)
    assert [event.data["utterance"] for event in stage.traced("heard")] == [None, None]


def test_a_turn_is_committed_without_a_response_where_the_session_says_so(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        client = await stage.open(audio=detection(create_response=False))
        await client.say("ask", then_quiet_ms=2000)
        assert client.of("response.created") == []
        await client.send("response.create")
        await client.done()
        return client

    client = stage.run(main)
    assert client.words() == "Certainly."
    assert len(client.of("input_audio_buffer.committed")) == 1


def test_nobody_speaking_for_long_is_answered_where_the_session_wants_it(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "says": "Hello?"}, {"hears": "unknown", "says": "Still there?"})

    async def main() -> Client:
        client = await stage.open(audio=detection(idle_timeout_ms=6000))
        await client.ask()
        await client.done()
        await client.quiet(7000)
        await client.done(2)
        return client

    client = stage.run(main)
    [timeout] = client.of("input_audio_buffer.timeout_triggered")
    assert timeout["audio_end_ms"] - timeout["audio_start_ms"] == pytest.approx(6000, abs=30)
    said_ms = len(speak("Hello?", "alloy", 24_000)) / 24
    first_audio = client.at("response.output_audio.delta")[0]
    assert client.at("input_audio_buffer.timeout_triggered")[0] == pytest.approx(first_audio + said_ms + 6000, abs=5)
    assert [event.data["text"] for event in stage.traced("said")] == ["Hello?", "Still there?"]


def test_speech_ends_the_wait_for_it(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "says": "Hello?"}, HEARS)

    async def main() -> Client:
        client = await stage.open(audio=detection(idle_timeout_ms=3000))
        await client.ask()
        await client.done()
        await client.quiet(1500)
        await client.say("ask")
        await client.done(2)
        return client

    assert stage.run(main).of("input_audio_buffer.timeout_triggered") == []


# Turns that the client says


def test_without_turn_detection_the_client_commits_and_asks(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        client = await stage.open(audio={"input": {"turn_detection": None}})
        await client.say("ask", then_quiet_ms=2000)
        assert client.kinds() == ["session.created", "session.updated"]
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.done")
        await client.send("response.create")
        await client.done()
        return client

    client = stage.run(main)
    assert client.words() == "Certainly."
    assert client.kinds()[2:5] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_an_empty_buffer_cannot_be_committed(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open(audio={"input": {"turn_detection": None}})
        await client.quiet(200)
        await client.send("input_audio_buffer.commit")
        await client.until("input_audio_buffer.committed")
        await client.quiet(80)
        await client.send("input_audio_buffer.commit")
        await client.error()
        return client

    error = stage.run(main).of("error")[0]["error"]
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "only has 80.00ms of audio" in error["message"]


def test_a_buffer_that_was_cleared_is_forgotten(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        client = await stage.open(audio={"input": {"turn_detection": None}})
        await client.say("thanks")
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        await client.say("ask")
        await client.send("input_audio_buffer.commit")
        await client.send("response.create")
        await client.done()
        return client

    assert stage.run(main).words() == "Certainly."


def test_speech_that_was_cleared_away_is_no_turn(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        client = await stage.open()
        await client.quiet(100)
        await client.play(speak(WORDS, "the caller", 24_000))
        await client.send("input_audio_buffer.clear")
        await client.quiet(1500)
        return client

    client = stage.run(main)
    assert len(client.of("input_audio_buffer.speech_started")) == 1
    assert client.of("input_audio_buffer.speech_stopped") == []
    assert stage.traced("heard") == []


# The caller's words


def test_the_callers_words_come_in_pieces_and_are_in_the_item_then(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        client = await stage.open()
        await client.say("ask")
        completed = await client.until("conversation.item.input_audio_transcription.completed")
        await client.send("conversation.item.retrieve", item_id=completed["item_id"])
        await client.until("conversation.item.retrieved")
        return client

    client = stage.run(main)
    deltas = [event["delta"] for event in client.of("conversation.item.input_audio_transcription.delta")]
    assert "".join(deltas) == f" {WORDS}"
    assert len(deltas) == 9
    shown = client.of("conversation.item.retrieved")[0]["item"]["content"]
    assert shown == [{"type": "input_audio", "transcript": WORDS}]


def test_words_come_only_where_the_session_wants_them(make_stage: MakeStage) -> None:
    stage = make_stage(HEARS)

    async def main() -> Client:
        client = await stage.open(audio={"input": {"transcription": None}})
        await client.say("ask")
        await client.done()
        await asyncio.sleep(2)
        return client

    assert not any("transcription" in kind for kind in stage.run(main).kinds())
