"""Function calls: when they are made, and what comes of their outputs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from roomkit_sim.sim.scenario.mind import Latency, Persona, Rule
from tests.sim.servers.openai_realtime.rules import SPEAKS, TOOLS, TRANSFER

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


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
    types = [(event["type"], event.get("item", {}).get("type")) for _, event in client.frames]
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
