"""Tool calls between providers and us: ids of their own, arguments that can be read, results beside their calls. Pure.

Providers differ: some give no ids, some give one id twice, some write broken JSON, and all of them refuse a
conversation in which a call has no result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from roomkit_sim.providers.ai.base import (
    AIMessage,
    AIToolCall,
    AIToolCallPart,
    AIToolResultPart,
)

__all__ = ["LOCAL_ID", "NO_RESULT", "parse_arguments", "with_distinct_ids", "with_paired_results"]

LOCAL_ID = "local_id"
"""Metadata of a call whose id is ours: the provider gave none, or one that it had given already."""

NO_RESULT = json.dumps({"error": "the call was not completed; there is no result"})
"""What the model is told of a call that nobody answered."""

MAX_QUOTED_CHARS = 200


def parse_arguments(text: str | None) -> tuple[dict[str, Any], str | None]:
    """Arguments as a model wrote them, and what is wrong with them, in words that the model can act on.

    Args:
        text: A JSON object; nothing at all is one without members.
    """
    if text is None or not text.strip():
        return {}, None
    quoted = text if len(text) <= MAX_QUOTED_CHARS else text[:MAX_QUOTED_CHARS] + "…"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return {}, f"the arguments are not valid JSON ({error}): {quoted}; the tool was not called; call it again"
    if not isinstance(value, dict):
        return {}, f"the arguments are not a JSON object: {quoted}; the tool was not called; call it again"
    return value, None


def with_distinct_ids(calls: Iterable[AIToolCall], make_id: Callable[[], str]) -> list[AIToolCall]:
    """The calls in their order, each with an id that no other has.

    Args:
        calls: As the provider gave them; an empty id is none.
        make_id: Makes an id.
    """
    seen: set[str] = set()
    distinct = []
    for call in calls:
        if not call.id or call.id in seen:
            call = call.model_copy(update={"id": make_id(), "metadata": {**call.metadata, LOCAL_ID: True}})
        seen.add(call.id)
        distinct.append(call)
    return distinct


def with_paired_results(messages: Sequence[AIMessage]) -> list[AIMessage]:
    """The conversation with exactly one result for each call: in one message behind it, in the order of the calls.

    A call without a result gets :data:`NO_RESULT`; a result whose call is not in the message before is left out, as
    happens when an old part of a conversation is cut off. Other messages stay as they are.
    """
    paired: list[AIMessage] = []
    place = 0
    while place < len(messages):
        message = messages[place]
        place += 1
        if message.role == "tool":
            continue
        paired.append(message)
        calls = _parts_of(message, AIToolCallPart)
        if calls:
            end = _end_of_results(messages, place)
            paired.append(AIMessage(role="tool", content=list(_results_of(calls, messages[place:end]))))
            place = end
    return paired


def _parts_of(message: AIMessage, kind: type[Any]) -> list[Any]:
    return [] if isinstance(message.content, str) else [part for part in message.content if isinstance(part, kind)]


def _end_of_results(messages: Sequence[AIMessage], start: int) -> int:
    end = start
    while end < len(messages) and messages[end].role == "tool":
        end += 1
    return end


def _results_of(calls: Sequence[AIToolCallPart], messages: Sequence[AIMessage]) -> Iterable[AIToolResultPart]:
    given: dict[str, AIToolResultPart] = {}
    for message in messages:
        for part in _parts_of(message, AIToolResultPart):
            given.setdefault(part.tool_call_id, part)
    for call in calls:
        yield given.get(call.id) or AIToolResultPart(tool_call_id=call.id, name=call.name, result=NO_RESULT)
