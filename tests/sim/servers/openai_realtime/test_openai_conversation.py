"""The items of a conversation: put in, shown, taken out, and shortened to what was heard of them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from roomkit_sim.sim.audio.timbre import speak
from roomkit_sim.sim.scenario.mind import Latency

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]
LONG = "This is a long explanation of everything that one could possibly want to know about savings and bonds."
LONG_ANSWER = {"on": "asked_to_speak", "says": LONG}


def message(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}], **more}


def ids(stage: Stage) -> list[str]:
    return [item.id for item in stage.session.conversation.items]


def test_items_are_put_in_at_the_end_at_the_beginning_and_after_another(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        await client.send("conversation.item.create", item=message("b", id="b"))
        await client.send("conversation.item.create", item=message("d", id="d"))
        await client.send("conversation.item.create", item=message("a", id="a"), previous_item_id="root")
        await client.send("conversation.item.create", item=message("c", id="c"), previous_item_id="b")
        await client.until("conversation.item.done", 4)
        return client

    client = stage.run(main)
    assert ids(stage) == ["a", "b", "c", "d"]
    assert [event["previous_item_id"] for event in client.of("conversation.item.added")] == [None, "b", None, "b"]


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"item": message("x", id="mine")}, "item_create_duplicate_item_id", "item.id"),
        (
            {"item": message("x"), "previous_item_id": "none"},
            "item_create_invalid_previous_item_id",
            "previous_item_id",
        ),
        ({"item": message("x", id="x" * 33)}, "invalid_value", "item.id"),
        ({"item": message("x", role="bot")}, "invalid_value", "item.role"),
        ({"item": message("x", role="assistant")}, "invalid_value", "item.content[0].type"),
        ({"item": message("x", role="system", name="x")}, "unknown_parameter", "item.name"),
        ({"item": {"type": "message", "role": "user"}}, "missing_required_parameter", "item.content"),
        ({"item": {"type": "thought"}}, "invalid_value", "item.type"),
        ({"item": "x"}, "invalid_type", "item"),
        ({"item": {"type": "function_call", "name": "f", "arguments": {}}}, "invalid_type", "item.arguments"),
        (
            {"item": {"type": "function_call_output", "call_id": "c", "output": {"a": 1}}},
            "invalid_type",
            "item.output",
        ),
        (
            {
                "item": {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_audio", "audio": "AAAA", "transcript": "x"}],
                }
            },
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"item": {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAA="}]}},
            None,
            None,
        ),
        (
            {"item": {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "!"}]}},
            "invalid_value",
            "item.content[0].audio",
        ),
    ],
)
def test_items_are_checked_strictly(
    make_stage: MakeStage, event: dict[str, Any], code: str | None, param: str | None
) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        await client.text("Hello.", id="mine")
        await client.send("conversation.item.create", **event)
        await client.update()
        await client.until("session.updated", 2)
        return client

    client = stage.run(main)
    errors = [event["error"] for event in client.of("error")]
    assert [(error["code"], error["param"]) for error in errors] == ([] if code is None else [(code, param)])
    assert len(ids(stage)) == (2 if code is None else 1)


def test_an_item_is_shown_and_taken_out(make_stage: MakeStage) -> None:
    stage = make_stage({"on": "asked_to_speak", "contains": "Hello", "says": "Hello."})

    async def main() -> Client:
        client = await stage.open()
        await client.text("Hello.", id="mine")
        await client.send("conversation.item.retrieve", item_id="mine")
        await client.send("conversation.item.delete", item_id="mine")
        await client.send("conversation.item.retrieve", item_id="mine")
        await client.send("conversation.item.delete", item_id="mine")
        await client.send("response.create")
        await client.done()
        return client

    client = stage.run(main)
    assert client.of("conversation.item.retrieved")[0]["item"]["content"] == [{"type": "input_text", "text": "Hello."}]
    assert client.of("conversation.item.deleted")[0]["item_id"] == "mine"
    assert [event["error"]["code"] for event in client.of("error")] == [
        "item_retrieve_invalid_item_id",
        "item_delete_invalid_item_id",
    ]
    assert client.words() == "How can I help you?", "what was taken out is not answered"


def test_an_item_is_shown_as_the_service_keeps_it(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        item = {"object": "realtime.item", "status": "in_progress", **message("Hello.", id="mine")}
        await client.send("conversation.item.create", item=item)
        await client.until("conversation.item.done")
        return client

    shown = stage.run(main).of("conversation.item.added")[0]["item"]
    assert shown == {"id": "mine", "status": "completed", **message("Hello.")}
    assert list(shown) == ["id", "type", "status", "role", "content"]


def test_a_call_that_was_taken_out_cannot_be_answered(make_stage: MakeStage) -> None:
    stage = make_stage()

    async def main() -> Client:
        client = await stage.open()
        call = {"type": "function_call", "id": "mine", "call_id": "c", "name": "f", "arguments": "{}"}
        await client.send("conversation.item.create", item=call)
        await client.send("conversation.item.delete", item_id="mine")
        await client.answer("c", "{}")
        await client.error()
        return client

    assert stage.run(main).of("error")[0]["error"]["code"] == "invalid_tool_call_id"


def test_a_message_may_bring_its_audio_along(make_stage: MakeStage) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."})

    async def main() -> Client:
        client = await stage.open()
        sound = speak("I would like some advice about my savings.", "the caller", 24_000).tobytes()
        part = {"type": "input_audio", "audio": base64.b64encode(sound).decode()}
        await client.send("conversation.item.create", item={"type": "message", "role": "user", "content": [part]})
        await client.send("response.create")
        await client.done()
        return client

    client = stage.run(main)
    assert client.words() == "Certainly."
    shown = client.of("conversation.item.added")[0]["item"]["content"]
    assert shown == [{"type": "input_audio", "transcript": None}]


# Truncation


async def spoken(stage: Stage) -> tuple[Client, str]:
    client = await stage.open()
    await client.ask()
    await client.done()
    return client, client.of("response.output_item.done")[0]["item"]["id"]


def test_an_answer_is_shortened_to_what_was_heard_of_it(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER, latency=Latency(lead_ms=60_000))

    async def main() -> Client:
        client, item_id = await spoken(stage)
        place = {"item_id": item_id, "content_index": 0}
        await client.send("conversation.item.truncate", **place, audio_end_ms=2000)
        await client.until("conversation.item.truncated")
        await client.send("conversation.item.truncate", **place, audio_end_ms=2001)
        await client.send("conversation.item.retrieve", item_id=item_id)
        await client.until("conversation.item.retrieved")
        return client

    client = stage.run(main)
    [truncated], [shown] = client.of("conversation.item.truncated"), client.of("conversation.item.retrieved")
    assert truncated["audio_end_ms"] == 2000
    assert shown["item"]["content"] == [{"type": "output_audio", "transcript": None}]
    answer = stage.session.conversation.items[-1]
    assert answer.audio_ms == 2000
    assert LONG.startswith(answer.spoken)
    assert 0.15 * len(LONG) < len(answer.spoken) < 0.4 * len(LONG)
    [event] = stage.traced("truncated")
    assert event.data == {"conn": 1, "item": truncated["item_id"], "audio_end_ms": 2000}
    [error] = [event["error"] for event in client.of("error")]
    assert error["message"] == "Audio content of 2000ms is already shorter than 2001ms"


def test_an_answer_cannot_be_shortened_to_more_than_was_sent(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        await client.until("response.output_audio.delta", 30)
        await client.send("response.cancel")
        await client.done()
        item_id = client.of("response.output_item.done")[0]["item"]["id"]
        sent_ms = round(len(client.sound()) / 48)
        for audio_end_ms in (sent_ms + 1, sent_ms):
            place = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
            await client.send("conversation.item.truncate", **place)
        await client.until("conversation.item.truncated")
        return client

    client = stage.run(main)
    [error] = [event["error"] for event in client.of("error")]
    assert (error["code"], error["param"]) == ("invalid_value", "audio_end_ms")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"item_id": "none"}, "item_truncate_invalid_item_id", "item_id"),
        ({"item_id": "mine"}, "invalid_value", "item_id"),
        ({"content_index": 1}, "invalid_value", "content_index"),
        ({"audio_end_ms": -1}, "invalid_value", "audio_end_ms"),
        ({"audio_end_ms": 10.5}, "invalid_type", "audio_end_ms"),
    ],
)
def test_only_speech_of_the_model_is_shortened(
    make_stage: MakeStage, fields: dict[str, Any], code: str, param: str
) -> None:
    stage = make_stage({"on": "asked_to_speak", "says": "Hello."})

    async def main() -> Client:
        client, item_id = await spoken(stage)
        await client.text("Hello.", id="mine")
        await client.send(
            "conversation.item.truncate", **{"item_id": item_id, "content_index": 0, "audio_end_ms": 100, **fields}
        )
        await client.error()
        return client

    error = stage.run(main).of("error")[0]["error"]
    assert (error["code"], error["param"]) == (code, param)


def test_an_answer_may_be_shortened_while_it_comes(make_stage: MakeStage) -> None:
    stage = make_stage(LONG_ANSWER)

    async def main() -> Client:
        client = await stage.open()
        await client.ask()
        added = await client.until("response.output_item.added")
        await client.until("response.output_audio.delta", 30)
        place = {"item_id": added["item"]["id"], "content_index": 0, "audio_end_ms": 100}
        await client.send("response.cancel")
        await client.send("conversation.item.truncate", **place)
        await client.until("conversation.item.truncated")
        await asyncio.sleep(3)
        return client

    stage.run(main)
    assert stage.session.conversation.items[-1].audio_ms == 100
