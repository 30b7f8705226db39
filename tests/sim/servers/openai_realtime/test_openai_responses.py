"""Responses of the model: what it hears, says and calls, in which pace, and how it is stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from roomkit_sim.sim.servers.mind import DID_NOT_CATCH

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
PARAMETERS = {
    "type": "object",
    "properties": {"target": {"type": "string", "enum": ["advisor"]}},
    "required": ["target"],
}
TOOLS = [
    {"type": "function", "name": "transfer", "description": "Hand over.", "parameters": PARAMETERS},
    {"type": "function", "name": "note"},
]
TRANSFER: dict[str, Any] = {"hears": "ask", "calls": {"transfer": {"target": "advisor"}}}
SPEAKS = {"on": "asked_to_speak", "says": "Hello, this is triage."}
LONG = "This is a long explanation of everything that one could possibly want to know about savings and bonds."
LONG_ANSWER = {"on": "asked_to_speak", "says": LONG}


# Speaking


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


# Tools


async def called(stage: Stage) -> Client:
    client = await stage.open(tools=TOOLS)
    await client.say("ask")
    await client.done()
    return client


def test_a_call_is_made_and_its_result_is_answered_only_when_the_client_asks(make_stage: MakeStage) -> None:
    stage = make_stage(TRANSFER, {"on": "tool_result", "contains": '"accepted": true', "says": "One moment."})

    async def main() -> Client:
        client = await called(stage)
        [call] = client.calls()
        await client.answer(call["call_id"], {"accepted": True})
        await asyncio.sleep(5)
        assert len(client.of("response.created")) == 1
        await client.send("response.create")
        await client.done(2)
        return client

    client = stage.run(main)
    [call] = client.calls()
    assert (call["name"], json.loads(call["arguments"])) == ("transfer", {"target": "advisor"})
    assert client.words() == "One moment."
    made, answered = stage.traced("tool_call")[0], stage.traced("tool_result")[0]
    assert made.data == {"conn": 1, "id": call["call_id"], "name": "transfer", "args": {"target": "advisor"}}
    assert answered.data == {"conn": 1, "id": call["call_id"], "name": "transfer", "result": {"accepted": True}}


def test_several_calls_come_in_one_response_after_what_is_said(make_stage: MakeStage) -> None:
    stage = make_stage({**TRANSFER, "says": "Let me see.", "calls": {"note": {}, "transfer": {"target": "advisor"}}})
    client = stage.run(lambda: called(stage))
    output = client.of("response.done")[0]["response"]["output"]
    assert [(item["type"], item.get("name")) for item in output] == [
        ("message", None),
        ("function_call", "note"),
        ("function_call", "transfer"),
    ]
    assert [call["output_index"] for call in client.calls()] == [1, 2]
    assert len({call["call_id"] for call in client.calls()}) == 2


def test_results_of_several_calls_are_reacted_to_together(make_stage: MakeStage) -> None:
    stage = make_stage(
        {**TRANSFER, "calls": {"note": {}, "transfer": {"target": "advisor"}}},
        {"on": "tool_result", "contains": '"noted"\n"transferred"', "says": "Both are done."},
    )

    async def main() -> Client:
        client = await called(stage)
        for call, result in zip(client.calls(), ("noted", "transferred"), strict=True):
            await client.answer(call["call_id"], result)
        await client.send("response.create")
        await client.done(2)
        return client

    assert stage.run(main).words() == "Both are done."


def test_a_result_to_which_the_caller_of_the_tool_has_nothing_to_say_makes_an_empty_response(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(TRANSFER, SPEAKS)

    async def main() -> Client:
        client = await called(stage)
        await client.answer(client.calls()[0]["call_id"], "{}")
        await client.send("response.create")
        await client.done(2)
        return client

    client = stage.run(main)
    assert client.of("response.done")[1]["response"]["output"] == []
    assert client.words() == ""


def test_whoever_takes_over_is_asked_to_speak_by_the_response_after_the_handoff(make_stage: MakeStage) -> None:
    triage = Persona(when="Role: Triage", rules=(Rule.model_validate(TRANSFER), Rule.model_validate(SPEAKS)))
    advisor = Persona(when="Role: Advisor", rules=(Rule(on="asked_to_speak", says="I am the advisor."),))
    stage = make_stage(personas={"triage": triage, "advisor": advisor})

    async def main() -> Client:
        client = await called(stage)
        await client.answer(client.calls()[0]["call_id"], {"accepted": True})
        await client.update(instructions="Role: Advisor", tools=[])
        await client.send("response.create")
        await client.done(2)
        return client

    assert stage.run(main).words() == "I am the advisor."
    order = [event.kind for event in stage.recorder.events if event.kind in ("tool_call", "persona", "audio_started")]
    assert order == ["persona", "tool_call", "persona", "audio_started"]


def test_a_call_that_the_session_does_not_declare_is_refused_by_the_mind(make_stage: MakeStage) -> None:
    stage = make_stage(TRANSFER)

    async def main() -> Client:
        client = await stage.open(tools=TOOLS[1:])
        await client.say("ask")
        await client.done()
        return client

    client = stage.run(main)
    assert client.calls() == []
    assert client.words().startswith("I cannot do that.")
    assert stage.traced("mind_refused")[0].data.items() >= {"persona": "triage", "rule": 1}.items()


@pytest.mark.parametrize("override", [{"tools": []}, {"tool_choice": "none"}])
def test_a_response_may_be_given_other_tools(make_stage: MakeStage, override: dict[str, Any]) -> None:
    stage = make_stage({"on": "asked_to_speak", "calls": {"note": {}}})

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.send("response.create", response=override)
        await client.done()
        return client

    assert stage.run(main).calls() == []
    assert len(stage.traced("mind_refused")) == 1


def test_an_output_that_comes_while_the_response_runs_is_taken_after_it(make_stage: MakeStage) -> None:
    stage = make_stage({**TRANSFER, "says": None}, latency=Latency(lead_ms=0))

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        await client.done()
        call_id = client.calls()[0]["call_id"]
        await client.send("response.create", response={"instructions": "Nobody"})
        await client.until("response.output_audio.delta")
        await client.answer(call_id, "{}")
        await client.done(2)
        await client.until("conversation.item.done", 4)
        return client

    client = stage.run(main)
    types = [(event["type"], event.get("item", {}).get("type")) for _, event in client.events]
    assert types.index(("conversation.item.added", "function_call_output")) == len(types) - 2
    assert types[-3] == ("response.done", None)


@pytest.mark.parametrize("call_id", ["call_of_another_connection", ""])
def test_an_output_for_a_call_that_was_not_made_here_is_refused(make_stage: MakeStage, call_id: str) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        await client.answer(call_id, "{}")
        await client.error()
        return client

    error = stage.run(main).of("error")[0]["error"]
    assert (error["code"], error["param"]) == ("invalid_tool_call_id", "item.call_id")
    assert stage.traced("tool_result") == []


def test_a_call_of_an_old_connection_is_answered_on_a_new_one_only_if_it_was_put_there(make_stage: MakeStage) -> None:
    stage = make_stage(TRANSFER)

    async def main() -> Client:
        first = await called(stage)
        call = first.calls()[0]
        await first.socket.close()
        second = await stage.open(tools=TOOLS)
        await second.answer(call["call_id"], "{}")
        await second.error()
        item = {key: call[key] for key in ("call_id", "name", "arguments")}
        await second.send("conversation.item.create", item={"type": "function_call", **item})
        await second.answer(call["call_id"], "{}")
        await second.until("conversation.item.done", 2)
        await second.answer(call["call_id"], "{}")
        await second.error(2)
        return second

    client = stage.run(main)
    assert [event["item"]["type"] for event in client.of("conversation.item.done")] == [
        "function_call",
        "function_call_output",
    ]
    assert "already" in client.of("error")[1]["error"]["message"]


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


# Stopping


def test_a_response_is_cancelled_by_the_client(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.until("response.output_audio.delta", 20)
        await client.send("response.cancel")
        await client.done()
        await asyncio.sleep(5)
        return client

    client = stage.run(main)
    response = client.of("response.done")[0]["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    [item] = response["output"]
    assert item["status"] == "incomplete"
    assert LONG.startswith(item["content"][0]["transcript"])
    kinds = client.kinds()
    assert kinds[-6:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert stage.traced("interrupted")[0].data == {"conn": 1, "calls": []}


def test_a_response_that_is_still_thought_about_is_cancelled_without_output(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.send("response.cancel")
        await client.done()
        await asyncio.sleep(5)
        return client

    client = stage.run(main)
    assert client.of("response.done")[0]["response"]["output"] == []
    assert client.sound() == b""


def test_a_response_is_cancelled_by_its_id(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.send("response.create", response={"conversation": "none"})
        await client.until("response.created", 2)
        for event in reversed(client.of("response.created")):
            await client.send("response.cancel", response_id=event["response"]["id"])
        await client.done(2)
        await client.send("response.cancel", response_id="resp_unknown")
        await client.error()
        return client

    client = stage.run(main)
    created = [event["response"]["id"] for event in client.of("response.created")]
    assert [event["response"]["id"] for event in client.of("response.done")] == created[::-1]


def test_without_a_response_there_is_nothing_to_cancel(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        await client.send("response.cancel")
        await client.error()
        return client

    assert stage.run(main).of("error")[0]["error"]["code"] == "response_cancel_not_active"


async def spoken_over(stage: Stage, **detection: Any) -> Client:
    given = {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500, **detection}}}
    client = await stage.open(audio=given)
    await client.ask()
    await client.until("response.output_audio.delta", 5)
    await client.say("ask")
    await client.quiet(5000)
    return client


def test_speech_of_the_caller_stops_the_response(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER, {"hears": "ask", "says": "Certainly."})
    client = stage.run(lambda: spoken_over(stage))
    cut, answer = (event["response"] for event in client.of("response.done"))
    assert cut["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert answer["status"] == "completed"
    [started] = client.at("input_audio_buffer.speech_started")
    assert client.at("response.done")[0] == started
    assert len(stage.traced("interrupted")) == 1
    kinds = client.kinds()
    assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")


def test_speech_does_not_stop_a_response_where_the_session_says_so(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER, {"hears": "ask", "says": "Certainly."})
    client = stage.run(lambda: spoken_over(stage, interrupt_response=False))
    [response] = [event["response"] for event in client.of("response.done")]
    assert response["status"] == "completed"
    [error] = [event["error"] for event in client.of("error")]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", None)


def test_a_response_asked_for_while_the_caller_speaks_gives_way_to_what_was_said(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER, {"hears": "ask", "says": "Certainly."})

    async def main() -> Client:
        client = await stage.open()
        task = asyncio.get_running_loop().create_task(client.say("ask"))
        await client.until("input_audio_buffer.speech_started")
        await client.ask()
        await task
        await client.done(2)
        return client

    client = stage.run(main)
    assert [event["response"]["status"] for event in client.of("response.done")] == ["cancelled", "completed"]
    assert client.of("error") == []


@pytest.mark.parametrize("by", ["response.cancel", "conversation.item.truncate", "speech"])
def test_what_is_cut_off_is_not_waited_for(make_stage: MakeStage, by: str) -> None:
    stage = make_stage(LONG_ANSWER, {"hears": "ask", "says": LONG}, latency=Latency(lead_ms=2000))

    async def main() -> float:
        client = await stage.open()
        await client.ask()
        if by == "response.cancel":
            await client.until("response.output_audio.delta", 100)
            await client.send(by)
            await client.done()
        else:
            await client.done()
        if by == "speech":
            await client.say("ask")
            heard = client.at("input_audio_buffer.committed")[0]
        else:
            item = client.of("response.output_item.done")[0]["item"]["id"]
            if by == "conversation.item.truncate":
                await client.send(by, item_id=item, content_index=0, audio_end_ms=100)
            heard = stage.now_ms
            await client.ask()
        await client.done(2)
        return client.at("response.done")[1] - heard

    length_ms = len(speak(LONG, "alloy", 24_000)) / 24
    assert stage.run(main) == pytest.approx(length_ms + 400 - 2000, abs=25)


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


def test_silence_starts_no_turn(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "unknown", "says": "Who is there?"})

    async def main() -> Client:
        client = await stage.open()
        await client.play(np.zeros(24_000 * 5, np.int16))
        return client

    assert stage.run(main).kinds() == ["session.created", "session.updated"]
