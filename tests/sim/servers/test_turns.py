"""Turns of the model: what it hears, says and calls, in which pace, and how it is interrupted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from roomkit_sim.sim.audio.identification import VoiceIdentifier
from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency
from roomkit_sim.sim.servers.mind import DID_NOT_CATCH
from roomkit_sim.sim.world.link import Link, LinkPair

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
SCHEMA = {"type": "OBJECT", "properties": {"target": {"type": "STRING", "enum": ["advisor"]}}, "required": ["target"]}
TOOLS = [{"functionDeclarations": [{"name": "transfer", "parameters": SCHEMA}, {"name": "note"}]}]
TRANSFER: dict[str, Any] = {"hears": "ask", "calls": {"transfer": {"target": "advisor"}}}
LONG = "This is a long explanation of everything that one could possibly want to know about savings and bonds."
STRANGE = "Three boxes of apples for the harbour, please."


# Hearing


def test_speech_is_heard_as_an_utterance_after_the_hangover(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."}, latency=Latency(hangover_ms=500))

    async def main() -> float:
        client = await stage.open()
        await client.say("ask", then_quiet_ms=0)
        ended = stage.now_ms
        await client.quiet(700)
        await client.turn()
        return ended

    ended = stage.run(main)
    [heard], [committed] = stage.traced("heard"), stage.traced("turn_committed")
    assert heard.data["utterance"] == "ask"
    assert heard.data["outcome"] == "heard"
    assert 400 <= committed.t_ns / 1e6 - ended <= 620


def test_the_hangover_of_the_setup_is_kept(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."}, latency=Latency(hangover_ms=500))

    async def main() -> float:
        detection = {"automatic_activity_detection": {"silence_duration_ms": 1500}}
        client = await stage.open(realtimeInputConfig=detection)
        await client.say("ask", then_quiet_ms=0)
        ended = stage.now_ms
        await client.quiet(2000)
        await client.turn()
        return ended

    ended = stage.run(main)
    assert 1400 <= stage.traced("turn_committed")[0].t_ns / 1e6 - ended <= 1620


def test_speech_that_nobody_knows_is_not_caught_and_calls_no_tool(make_stage: MakeStage) -> None:
    stage = make_stage(TRANSFER, {"hears": "thanks", "calls": {"note": {}}})

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say(STRANGE)
        await client.turn()
        return client

    client = stage.run(main)
    assert client.words() == DID_NOT_CATCH
    assert client.of("toolCall") == []
    assert stage.traced("heard")[0].data["utterance"] is None
    assert client.of("serverContent", "inputTranscription") == []


def test_a_known_utterance_without_its_end_is_not_taken_for_the_whole(make_stage: MakeStage) -> None:
    stage = make_stage(TRANSFER)

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        samples = speak("I would like some advice about my savings.", "the caller", 16_000)
        await client.play(samples[: len(samples) // 2])
        await client.quiet(700)
        await client.turn()
        return client

    assert stage.run(main).of("toolCall") == []


@pytest.mark.parametrize("speed", [1.5, 0.67])
def test_audio_that_was_sampled_at_another_rate_than_declared_is_not_understood(
    make_stage: MakeStage, speed: float
) -> None:
    stage = make_stage(TRANSFER)

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        wrong = speak("I would like some advice about my savings.", "the caller", round(16_000 / speed))
        await client.play(wrong)
        await client.quiet(700)
        await client.turn()
        return client

    assert stage.run(main).of("toolCall") == []


def test_silence_starts_no_turn(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "unknown", "says": "Who is there?"})

    async def main() -> Client:
        client = await stage.open()
        await client.quiet(5000)
        return client

    client = stage.run(main)
    assert client.kinds() == ["setupComplete", "sessionResumptionUpdate"]


def test_all_received_audio_is_kept_byte_for_byte(make_stage: MakeStage) -> None:
    stage = make_stage()
    samples = np.arange(-16000, 16000, dtype=np.int16)

    async def main() -> bytes:
        client = await stage.open()
        await client.play(samples)
        await asyncio.sleep(1)
        assert stage.session.ear is not None
        return bytes(stage.session.ear.received)

    assert stage.run(main) == samples.tobytes()


# Transcripts


def test_the_callers_words_come_in_pieces_before_the_answer(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."})

    async def main() -> Client:
        client = await stage.open()
        await client.say("ask")
        await client.turn()
        return client

    client = stage.run(main)
    pieces = client.of("serverContent", "inputTranscription", "text")
    assert len(pieces) > 3
    assert "".join(pieces) == "I would like some advice about my savings."
    last_word = client.timed("serverContent", "inputTranscription")[-1][0]
    assert last_word < client.timed("serverContent", "modelTurn")[0][0]


def test_the_models_words_come_in_pieces_ahead_of_its_audio(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": LONG})

    async def main() -> Client:
        client = await stage.open()
        await client.turn()
        return client

    client = stage.run(main)
    assert client.words() == LONG
    words = client.timed("serverContent", "outputTranscription")
    audio = client.timed("serverContent", "modelTurn")
    assert len(words) == len(LONG.split())
    assert audio[0][0] < words[-1][0] < audio[-1][0]


def test_transcripts_come_only_when_the_setup_asks_for_them(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."})

    async def main() -> Client:
        client = await stage.open(inputAudioTranscription=None, outputAudioTranscription=None)
        await client.say("ask")
        await client.turn()
        return client

    client = stage.run(main)
    assert client.of("serverContent", "inputTranscription") == client.of("serverContent", "outputTranscription") == []
    assert client.pcm() != b""


# Text


def test_history_is_taken_in_and_not_answered(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "says": "Hello."})

    async def main() -> Client:
        client = await stage.open()
        await client.text(("user", "I am Ada."), ("model", "Hello Ada."), complete=False)
        await asyncio.sleep(5)
        return client

    client = stage.run(main)
    assert client.of("serverContent") == []
    assert stage.session.conversation.turns == [("user", "I am Ada."), ("model", "Hello Ada.")]


def test_a_complete_text_turn_is_answered_by_the_rule_whose_words_it_contains(make_stage: MakeStage) -> None:
    stage = make_stage(
        {"on": "asked_to_speak", "contains": "greet", "says": "Good morning."},
        {"on": "asked_to_speak", "says": "Something else."},
    )

    async def main() -> Client:
        client = await stage.open()
        await client.text(("user", "Please greet the caller."))
        await client.turn()
        await client.text(("user", "Continue."))
        await client.turn(2)
        return client

    assert stage.run(main).words() == "Good morning.Something else."


# Speech


def test_speech_is_in_the_voice_of_the_setup_and_complete(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": LONG})

    async def main() -> Client:
        client = await stage.open(voice="Kore")
        await client.turn()
        return client

    pcm = stage.run(main).pcm()
    assert pcm == speak(LONG, "Kore", 24_000).tobytes()
    spans = VoiceIdentifier(["Kore", "Puck"]).identify(np.frombuffer(pcm, "<i2"), 24_000)
    assert {span.voice for span in spans} == {"Kore"}


@pytest.mark.parametrize(("lead_ms", "chunk_ms"), [(200, 20), (0, 20), (500, 100)])
def test_speech_is_sent_in_real_pace_a_little_ahead(make_stage: MakeStage, lead_ms: int, chunk_ms: int) -> None:
    latency = Latency(lead_ms=lead_ms, chunk_ms=chunk_ms)
    stage = make_stage({"on": "connected", "says": LONG}, latency=latency)

    async def main() -> Client:
        client = await stage.open()
        await client.turn()
        return client

    client = stage.run(main)
    times = [at for at, _ in client.timed("serverContent", "modelTurn")]
    begin = latency.setup_ms + latency.think_ms + latency.speak_ms
    assert times == [begin + max(0, number * chunk_ms - lead_ms) for number in range(len(times))]


def test_a_turn_is_complete_when_its_audio_is_over_and_generated_before(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": LONG})

    async def main() -> Client:
        client = await stage.open()
        await client.turn()
        return client

    client = stage.run(main)
    first = client.timed("serverContent", "modelTurn")[0][0]
    [(generated, _)] = client.timed("serverContent", "generationComplete")
    [(complete, _)] = client.timed("serverContent", "turnComplete")
    length_ms = len(client.pcm()) / 48
    assert complete - first == pytest.approx(length_ms, abs=0.001)
    assert generated < complete


def test_thinking_waiting_and_speaking_take_their_time(make_stage: MakeStage) -> None:
    latency = Latency(think_ms=400, speak_ms=100)
    stage = make_stage({"on": "asked_to_speak", "says": "Well.", "waits_ms": 1000}, latency=latency)

    async def main() -> tuple[float, Client]:
        client = await stage.open()
        asked = stage.now_ms
        await client.text(("user", "Begin."))
        await client.turn()
        return asked, client

    asked, client = stage.run(main)
    assert client.timed("serverContent", "modelTurn")[0][0] - asked == 1500


def test_usage_counts_the_audio_that_was_spoken(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": LONG})

    async def main() -> Client:
        client = await stage.open()
        await client.turn()
        return client

    client = stage.run(main)
    [usage] = client.of("usageMetadata")
    seconds = len(client.pcm()) / 48_000
    assert usage["responseTokenCount"] == int(seconds * 25)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["responseTokenCount"]
    assert usage["responseTokensDetails"] == [{"modality": "AUDIO", "tokenCount": usage["responseTokenCount"]}]


# Tools


async def call_of(client: Client, count: int = 1) -> dict[str, Any]:
    [call] = (await client.until("toolCall", count=count))["functionCalls"]
    assert isinstance(call, dict)
    return call


def test_a_tool_call_waits_for_its_result_and_the_turn_goes_on_with_it(make_stage: MakeStage) -> None:
    stage = make_stage(TRANSFER, {"on": "tool_result", "contains": "accepted", "says": "You are being transferred."})

    async def main() -> tuple[Client, Any]:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        call = await call_of(client)
        await asyncio.sleep(3)
        assert client.of("serverContent", "turnComplete") == []
        await client.answer(call["id"], {"result": json.dumps({"accepted": True})}, "transfer")
        await client.turn()
        return client, call

    client, call = stage.run(main)
    assert (call["name"], call["args"]) == ("transfer", {"target": "advisor"})
    assert call["id"].removeprefix("function-call-").isdigit()
    assert client.words() == "You are being transferred."
    assert client.kinds().count("serverContent.turnComplete+usageMetadata") == 1
    [asked], [answered] = stage.traced("tool_call"), stage.traced("tool_result")
    assert asked.data["id"] == answered.data["id"] == call["id"]


def test_calls_of_one_moment_come_together_and_may_be_answered_in_any_order(make_stage: MakeStage) -> None:
    stage = make_stage(
        {"on": "asked_to_speak", "calls": {"transfer": {"target": "advisor"}, "note": {}}},
        {"on": "tool_result", "says": "Both are done."},
    )

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.text(("user", "Begin."))
        first, second = (await client.until("toolCall"))["functionCalls"]
        await client.answer(second["id"], {}, "note")
        await asyncio.sleep(1)
        assert client.words() == ""
        await client.answer(first["id"], {}, "transfer")
        await client.turn()
        return client

    assert stage.run(main).words() == "Both are done."


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ({"transfer": {"target": "nobody"}}, "transfer.target must be one of advisor, not 'nobody'"),
        ({"transfer": {}}, "transfer.target is missing"),
        ({"fly": {}}, "the session declares no function 'fly' (declared: transfer, note)"),
    ],
)
def test_a_call_that_the_session_does_not_allow_is_not_made_but_said(
    make_stage: MakeStage, calls: dict[str, Any], why: str
) -> None:
    stage = make_stage({"on": "asked_to_speak", "calls": calls})

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.text(("user", "Begin."))
        await client.turn()
        return client

    client = stage.run(main)
    assert client.of("toolCall") == []
    assert client.words() == f"I cannot do that. {why}"
    assert stage.traced("mind_refused")[0].data["why"] == why


def test_a_hallucinated_call_is_made(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "calls": {"fly": {"to": "the moon"}}, "hallucinate": True})

    async def main() -> dict[str, Any]:
        client = await stage.open(tools=TOOLS)
        await client.text(("user", "Begin."))
        return await call_of(client)

    call = stage.run(main)
    assert (call["name"], call["args"]) == ("fly", {"to": "the moon"})


def test_a_model_that_calls_for_ever_is_stopped(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "calls": {"note": {}}}, {"on": "tool_result", "calls": {"note": {}}})

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.text(("user", "Begin."))
        for count in range(1, 9):
            call = await call_of(client, count)
            await client.answer(call["id"], {}, "note")
        await client.turn()
        return client

    assert len(stage.run(main).of("toolCall")) == 8


# Interruption


def test_speech_of_the_caller_stops_the_model(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": LONG}, {"hears": "thanks", "says": "Goodbye."})

    async def main() -> Client:
        client = await stage.open()
        await client.until("serverContent", "modelTurn")
        await asyncio.sleep(1)
        await client.say("thanks")
        await client.turn(2)
        return client

    client = stage.run(main)
    [(at, _)] = client.timed("serverContent", "interrupted")
    assert client.timed("serverContent", "turnComplete")[0][0] == at
    before = [when for when, _ in client.timed("serverContent", "modelTurn") if when <= at]
    spoken_ms = 20 * len(before)
    assert client.of("usageMetadata", "responseTokenCount")[0] == spoken_ms * 25 // 1000
    assert client.words().endswith("Goodbye.")
    assert not client.words().startswith(LONG)
    assert len(client.of("serverContent", "generationComplete")) == 1


def test_an_interruption_cancels_the_open_tool_call_and_a_result_that_crosses_is_ignored(
    make_stage: MakeStage,
) -> None:
    link = Link(latency_ns=50_000_000)
    stage = make_stage(TRANSFER, {"hears": "thanks", "says": "Goodbye."}, links=LinkPair(link, link))

    async def main() -> tuple[Client, dict[str, Any]]:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        call = await call_of(client)
        speaking = asyncio.create_task(client.say("thanks"))
        await client.until("toolCallCancellation")
        await client.answer(call["id"], {"accepted": True}, "transfer")
        await speaking
        await client.turn(2)
        return client, call

    client, call = stage.run(main)
    assert client.of("toolCallCancellation") == [{"ids": [call["id"]]}]
    kinds = client.kinds()
    assert kinds.index("toolCallCancellation") < kinds.index("serverContent.interrupted")
    assert client.words() == "Goodbye."
    assert stage.traced("tool_result") == []
    assert stage.traced("tool_result_ignored")[0].data["id"] == call["id"]


def test_a_text_turn_stops_the_model_too(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": LONG}, {"on": "asked_to_speak", "says": "Yes?"})

    async def main() -> Client:
        client = await stage.open()
        await client.until("serverContent", "modelTurn")
        await client.text(("user", "Stop."))
        await client.turn(2)
        return client

    client = stage.run(main)
    assert client.of("serverContent", "interrupted") == [True]
    assert client.words().endswith("Yes?")


def test_a_model_that_may_not_be_interrupted_finishes_and_then_answers(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "connected", "says": LONG * 2}, {"hears": "ask", "says": "Certainly."})

    async def main() -> Client:
        client = await stage.open(realtimeInputConfig={"activity_handling": "NO_INTERRUPTION"})
        await client.until("serverContent", "modelTurn")
        await client.say("ask")
        assert client.of("serverContent", "turnComplete") == []
        await client.turn(2)
        return client

    client = stage.run(main)
    assert client.of("serverContent", "interrupted") == []
    assert client.words() == LONG * 2 + "Certainly."
    whole = [speak(text, "", 24_000).tobytes() for text in (LONG * 2, "Certainly.")]
    assert client.pcm() == b"".join(whole), "one voice at a time"


def test_a_text_turn_stops_what_may_not_be_interrupted_by_speech_and_is_answered_instead(make_stage: MakeStage) -> None:
    stage = make_stage(
        {"on": "connected", "says": LONG * 2},
        {"hears": "ask", "says": "Certainly."},
        {"on": "asked_to_speak", "says": "Yes?"},
    )

    async def main() -> Client:
        client = await stage.open(realtimeInputConfig={"activity_handling": "NO_INTERRUPTION"})
        await client.until("serverContent", "modelTurn")
        await client.say("ask")
        await client.text(("user", "Stop."))
        await client.turn(2)
        await asyncio.sleep(5)
        return client

    client = stage.run(main)
    assert client.of("serverContent", "interrupted") == [True]
    assert client.words().endswith("Yes?")
    assert len(client.of("serverContent", "turnComplete")) == 2


def test_a_turn_that_began_while_the_caller_was_speaking_yields_to_what_was_said(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "says": LONG}, {"hears": "ask", "says": "Certainly."})

    async def main() -> Client:
        client = await stage.open()
        speaking = asyncio.create_task(client.say("ask"))
        await asyncio.sleep(1)
        await client.text(("user", "Greet the caller."))
        await speaking
        await client.turn(2)
        return client

    client = stage.run(main)
    assert client.of("serverContent", "interrupted") == [True]
    assert client.words().endswith("Certainly.")
    assert len(client.of("serverContent", "turnComplete")) == 2


# Repeatability


def test_one_seed_makes_one_call_and_another_seed_other_ids(make_stage: MakeStage) -> None:
    def call(seed: int) -> Any:
        link = Link(latency_ns=30_000_000, jitter_ns=30_000_000, loss=0.02)
        stage = make_stage(TRANSFER, links=LinkPair(link, link), seed=seed)

        async def main() -> Client:
            client = await stage.open(tools=TOOLS)
            await client.say("ask")
            await client.answer((await call_of(client))["id"], {}, "transfer")
            await client.turn()
            return client

        return stage.run(main).frames

    assert call(1) == call(1)
    assert call(1) != call(2)
