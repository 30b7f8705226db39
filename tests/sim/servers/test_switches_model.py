"""What the model gets wrong: its calls, and the words that were said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from roomkit_sim.sim.servers.model_wrongs import sample
from roomkit_sim.sim.servers.schema import mismatch
from tests.sim.servers.switched import (
    AUDIO,
    CALLS,
    COMPLETE,
    MODELS_WORDS,
    THEIR_WORDS,
    TOOLS,
    TRANSFER,
    play,
    spoken_to,
)

if TYPE_CHECKING:
    from conftest import Client, Stage

MakeStage = Callable[..., "Stage"]


# Tool calls


def test_a_tool_call_comes_twice(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["gemini.duplicate_call_ids"])

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        first, second = [await client.until("toolCall", "functionCalls", count=count) for count in (1, 2)]
        assert first == second
        await client.answer(first[0]["id"], {}, "transfer")
        await client.turn()
        return client

    assert len(play(stage, main, "gemini.duplicate_call_ids").of("toolCall")) == 2
    assert len(stage.traced("tool_call")) == 1


def test_all_calls_have_one_id(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["gemini.reused_call_ids"])

    async def main() -> list[str]:
        client = await stage.open(tools=TOOLS)
        ids = []
        for count in (1, 2):
            await client.say("ask")
            [call] = await client.until("toolCall", "functionCalls", count=count)
            await client.answer(call["id"], {}, "transfer")
            await client.turn(count)
            ids.append(call["id"])
        return ids

    assert len(set(play(stage, main, "gemini.reused_call_ids"))) == 1


def test_a_call_comes_together_with_another_one(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["any.parallel_tools"])

    async def main() -> list[dict[str, Any]]:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        calls = await client.until("toolCall", "functionCalls")
        for call in reversed(calls):
            await client.answer(call["id"], {}, call["name"])
        await client.turn()
        return list(calls)

    first, second = play(stage, main, "any.parallel_tools")
    assert (first["name"], second["name"]) == ("transfer", "note")
    assert first["id"] != second["id"]


def test_a_call_stays_alone_where_no_other_tool_is_declared(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["any.parallel_tools"])

    async def main() -> Client:
        client = await stage.open(tools=[{"functionDeclarations": [TRANSFER]}])
        await client.say("ask")
        await client.until("toolCall")
        return client

    [[call]] = play(stage, main).of("toolCall", "functionCalls")
    assert call["name"] == "transfer"


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("any.talks_instead_of_tool", "I am transferring you now."),
        ("any.speaks_the_call", 'call:transfer{"to": "advisor"}'),
    ],
)
def test_words_come_instead_of_a_call(make_stage: MakeStage, switch: str, words: str) -> None:
    stage = make_stage(CALLS, switches=[switch])

    async def main() -> Client:
        return await spoken_to(stage)

    client = play(stage, main, switch)
    assert (client.words(), client.of("toolCall")) == (words, [])


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}}, "required": ["a", "b"]},
        {"type": "object", "properties": {"on": {"type": "boolean"}, "l": {"type": "array"}}, "required": ["on", "l"]},
        {"anyOf": [{"type": "number"}, {"type": "null"}]},
        {"type": ["null", "string"]},
        {"type": "string", "enum": ["x", "y"]},
    ],
)
def test_made_up_arguments_are_what_the_schema_allows(schema: dict[str, Any]) -> None:
    assert mismatch(sample(schema), schema) is None


# Transcripts


async def asked_and_answered(stage: Stage) -> list[str]:
    return (await spoken_to(stage)).kinds()


@pytest.mark.parametrize(
    ("switch", "kinds"),
    [
        ("", [THEIR_WORDS, MODELS_WORDS, AUDIO]),
        ("gemini.transcripts_late", [AUDIO, THEIR_WORDS, AUDIO]),
        ("gemini.transcripts_out_of_order", [MODELS_WORDS, AUDIO]),
        ("gemini.transcripts_missing", [AUDIO]),
    ],
)
def test_words_come_when_the_switch_lets_them(make_stage: MakeStage, switch: str, kinds: list[str]) -> None:
    stage = make_stage({"hears": "ask", "says": "Certainly."}, switches=[switch] if switch else [])
    seen = play(stage, lambda: asked_and_answered(stage), *([switch] if switch else []))
    content = [kind for kind in seen if kind.startswith("serverContent")]
    assert content[: len(kinds)] == kinds
    at_end = content[content.index(COMPLETE) - 1 :]
    match switch:
        case "gemini.transcripts_late":
            assert at_end == [MODELS_WORDS, COMPLETE]
        case "gemini.transcripts_out_of_order":
            assert at_end[1:] in ([COMPLETE], [COMPLETE, THEIR_WORDS])
        case "gemini.transcripts_missing":
            assert not {THEIR_WORDS, MODELS_WORDS} & set(content)


def test_words_of_the_caller_come_late_after_the_call_that_they_led_to(make_stage: MakeStage) -> None:
    stage = make_stage(CALLS, switches=["gemini.transcripts_late"])

    async def main() -> Client:
        client = await stage.open(tools=TOOLS)
        await client.say("ask")
        await client.answer((await client.until("toolCall", "functionCalls"))[0]["id"], {}, "transfer")
        await client.turn()
        return client

    kinds = play(stage, main, "gemini.transcripts_late").kinds()
    assert kinds.index("toolCall") + 1 == kinds.index(THEIR_WORDS)
