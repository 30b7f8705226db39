"""What a response is to, what it may be asked for with, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Persona, Rule
from roomkit_sim.sim.servers.mind import DID_NOT_CATCH
from tests.sim.servers.openai_realtime.rules import LONG, LONG_ANSWER, SPEAKS, TOOLS, TRANSFER

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


# What a response is to


def test_a_response_is_to_what_was_written_last_and_not_to_the_history(make_stage: MakeStage) -> None:
    stage = make_stage(
        {"on": "asked_to_speak", "contains": "savings", "says": "About savings."},
        {"on": "asked_to_speak", "says": "About anything."},
    )

    async def main() -> Client:
        client = await stage.open()
        await client.text("I have savings.")
        await client.text("Indeed.", role="assistant")
        await client.text("What about them?")
        await client.send("response.create")
        await client.done()
        await client.send("response.create")
        await client.done(2)
        await client.ask("My savings!")
        await client.done(3)
        return client

    said = [event.data["text"] for event in (stage.run(main), stage.traced("said"))[1]]
    assert said == ["About anything.", "About anything.", "About savings."]


def test_nobody_answers_an_item_without_a_response_create(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open()
        await client.text("Begin.")
        await asyncio.sleep(5)
        return client

    assert stage.run(main).of("response.created") == []


def test_speech_is_heard_and_answered(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."})

    async def main() -> Client:
        client = await stage.open()
        await client.say("ask")
        await client.done()
        return client

    client = stage.run(main)
    assert client.words() == "Certainly."
    [heard] = stage.traced("heard")
    assert heard.data.items() >= {"conn": 1, "utterance": "ask", "outcome": "heard"}.items()
    kinds = [event.kind for event in stage.recorder.events]
    assert kinds.index("speech_started") < kinds.index("turn_committed") < kinds.index("heard") < kinds.index("said")


def test_speech_that_nobody_knows_is_not_caught(make_stage: MakeStage) -> None:
    stage = make_stage(TRANSFER)

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("Three boxes of apples for the harbour, please.")
        await client.done()
        return client

    client = stage.run(main)
    assert client.words() == DID_NOT_CATCH
    assert client.calls() == []
    assert client.of("conversation.item.input_audio_transcription.completed")[0]["transcript"] == ""


def test_a_response_reports_what_the_model_knows_of_the_caller(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> None:
        client = await stage.open()
        await client.text("My name is Ada.")
        await client.ask("Begin.")
        await client.done()

    stage.run(main)
    assert [event.data for event in stage.traced("knows")] == [{"conn": 1, "heard": "My name is Ada. Begin."}]


def test_silence_starts_no_turn(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "unknown", "says": "Who is there?"})

    async def main() -> Client:
        client = await stage.open()
        await client.play(np.zeros(24_000 * 5, np.int16))
        return client

    assert stage.run(main).kinds() == ["session.created", "session.updated"]


# One at a time


def test_one_response_runs_at_a_time(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.send("response.create", event_id="mine")
        await client.error()
        await client.done()
        await client.ask()
        await client.done(2)
        return client

    client = stage.run(main)
    [error] = [event["error"] for event in client.of("error")]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "mine")
    assert len(client.of("response.created")) == 2


def test_a_response_beside_the_conversation_runs_at_any_time_and_leaves_no_trace_in_it(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        beside = {"conversation": "none", "output_modalities": ["text"], "metadata": {"for": "notes"}}
        await client.send("response.create", response=beside)
        await client.done(2)
        return client

    client = stage.run(main)
    beside, spoken = (event["response"] for event in client.of("response.done"))
    assert (beside["conversation_id"], beside["metadata"]) == (None, {"for": "notes"})
    assert spoken["conversation_id"].startswith("conv_")
    assert [item.type for item in stage.session.conversation.items] == ["message", "message"]


def test_a_response_may_be_to_items_of_its_own(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "contains": "savings", "says": "About savings."}, SPEAKS)

    async def main() -> Client:
        client = await stage.open()
        await client.text("Begin.", id="mine")
        given = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "My savings."}]}
        reference = {"type": "item_reference", "id": "mine"}
        await client.send("response.create", response={"conversation": "none", "input": [reference, given]})
        await client.done()
        return client

    assert stage.run(main).words() == "About savings."


def test_instructions_of_a_response_count_for_it_alone(make_stage: MakeStage) -> None:
    advisor = Persona(when="Role: Advisor", rules=(Rule(on="asked_to_speak", says="I am the advisor."),))
    triage = Persona(when="Role: Triage", rules=(Rule.model_validate(SPEAKS),))
    stage = make_stage(personas={"triage": triage, "advisor": advisor})

    async def main() -> None:
        client = await stage.open()
        await client.send("response.create", response={"instructions": "Role: Advisor"})
        await client.done()
        await client.send("response.create")
        await client.done(2)

    stage.run(main)
    assert [event.data["text"] for event in stage.traced("said")] == ["I am the advisor.", "Hello, this is triage."]
    assert [event.data["name"] for event in stage.traced("persona")] == ["triage", "advisor", "triage"]


@pytest.mark.parametrize(
    ("override", "code", "param"),
    [
        ({"voice": "marin"}, "unknown_parameter", "response.voice"),
        ({"conversation": "other"}, "invalid_value", "response.conversation"),
        ({"metadata": {"a": 1}}, "invalid_type", "response.metadata.a"),
        ({"metadata": {str(n): "" for n in range(17)}}, "invalid_value", "response.metadata"),
        ({"input": [{"type": "message"}]}, "missing_required_parameter", "response.input[0].role"),
        ({"input": [{"type": "item_reference", "id": "none"}]}, "item_retrieve_invalid_item_id", "item_id"),
    ],
)
def test_overrides_are_checked_strictly(make_stage: MakeStage, override: dict[str, Any], code: str, param: str) -> None:
    stage = make_stage(SPEAKS)

    async def main() -> Client:
        client = await stage.open()
        await client.send("response.create", response=override)
        await client.error()
        return client

    client = stage.run(main)
    error = client.of("error")[0]["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert client.of("response.created") == []


# What is reported


def test_usage_counts_what_was_heard_and_said(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "ask", "says": LONG})

    async def main() -> Client:
        client = await stage.open()
        await client.say("ask")
        await client.done()
        return client

    usage = stage.run(main).of("response.done")[0]["response"]["usage"]
    heard_s = len(speak("I would like some advice about my savings.", "the caller", 24_000)) / 24_000
    said_s = len(speak(LONG, "alloy", 24_000)) / 24_000
    assert usage["input_token_details"]["audio_tokens"] == pytest.approx(10 * heard_s, abs=8)
    assert usage["output_token_details"]["audio_tokens"] == pytest.approx(20 * said_s, abs=1)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_rate_limits_are_reported_where_they_are_asked_for(make_stage: MakeStage) -> None:
    stage = make_stage(SPEAKS, reports_rate_limits=True)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.done()
        return client

    client = stage.run(main)
    kinds = client.kinds()
    assert kinds[kinds.index("response.created") + 1] == "rate_limits.updated"
    assert {limit["name"] for limit in client.of("rate_limits.updated")[0]["rate_limits"]} == {"requests", "tokens"}
