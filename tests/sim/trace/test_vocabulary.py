"""The names of events and messages are those that are emitted and sent."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, get_args

import pytest
from google.genai import types
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

from roomkit_sim.sim.adapters import roomkit
from roomkit_sim.sim.trace.events import sources
from roomkit_sim.sim.trace.vocabulary import AFTERWARDS, EVENTS, MESSAGES, unknown_part

SIM = Path(roomkit.__file__).parents[1]
EMITTING = ("emit", "_emit", "append_after_end", "TraceEvent", "note")


def emitted() -> set[str]:
    """What the harness emits by a name that stands in its source: source and kind, or the kind alone."""
    found: set[str] = set()
    for path in SIM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            words = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if called in EMITTING and words:
                source = [word for word in words if word in sources()]
                kind = [word for word in words if word and word not in sources()]
                if kind:
                    found.add(".".join([*source[:1], kind[0]]))
    return found


def test_every_event_that_is_emitted_is_known() -> None:
    known = {*EVENTS, *AFTERWARDS}
    kinds = {name.partition(".")[2] for name in known}
    unknown = [name for name in sorted(emitted()) if name not in known and name not in kinds]
    assert unknown == []


def test_every_event_that_is_known_is_emitted() -> None:
    told = emitted()
    kinds = {name.rpartition(".")[2] for name in told} | {kind for kind, _ in roomkit._KINDS.values()}
    # Named by variables: the way of a message, and why a run was stopped.
    kinds |= {"sent", "received", "deadlock", "budget_exceeded", "drift", "resumed"}
    assert [name for name in (*EVENTS, *AFTERWARDS) if name.partition(".")[2] not in kinds] == []


def openai_types(union: Any) -> set[str]:
    if hasattr(union, "model_fields"):
        return set(get_args(union.model_fields["type"].annotation))
    return {name for part in get_args(union) if not isinstance(part, str) for name in openai_types(part)}


@pytest.mark.parametrize(("way", "union"), [("up", RealtimeClientEvent), ("down", RealtimeServerEvent)])
def test_every_message_that_the_openai_sdk_knows_is_known(way: Any, union: Any) -> None:
    assert sorted(openai_types(union) - {*MESSAGES[way]}) == []


def fields(model: Any) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def test_every_message_that_the_gemini_sdk_knows_is_known() -> None:
    down = [name for name in fields(types.LiveServerMessage) if name != "serverContent"]
    down += [f"serverContent.{name}" for name in fields(types.LiveServerContent)]
    up = [f"realtime_input.{name}" for name in fields(types.LiveClientRealtimeInput)]
    assert [name for name in down if unknown_part(name, "down")] == []
    assert [name for name in up if unknown_part(name, "up")] == []


def test_a_message_of_several_parts_is_known_by_all_of_them() -> None:
    assert unknown_part("serverContent.turnComplete+usageMetadata", "down") is None
    assert unknown_part("serverContent.turnComplete+usage", "down") == "usage"
