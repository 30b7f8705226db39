"""How a response is stopped: by the client, and by the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency
from tests.sim.servers.openai_realtime.rules import LONG, LONG_ANSWER

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


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
