"""Which utterances of a model are calls of tools that it should have made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomkit_sim.channels.realtime.spoken_call import SpokenCall, spoken_call

TOOLS = [{"name": "transfer"}, {"name": "look_up"}]
JSON = st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers() | st.none(), max_size=4)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('call:transfer{"to": "advisor"}', {"to": "advisor"}),
        ('call:transfer{to: "advisor", why: "a, b: c"}', {"to": "advisor", "why": "a, b: c"}),
        ("tool_call: transfer {}", {}),
        ('<call:default_api:transfer{"to": "advisor"}>', {"to": "advisor"}),
        ("call:transfer{to the advisor}", None),
        ("call:transfer{'to': 'advisor'}", None),
    ],
)
def test_what_is_nothing_but_a_call_is_one(text: str, arguments: dict[str, Any] | None) -> None:
    assert spoken_call(text, TOOLS) == SpokenCall("transfer", arguments)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I will transfer you.",
        "call:erase{}",
        "call:transfer",
        'I say call:transfer{"to": "advisor"} to you',
        "call: me",
    ],
)
def test_anything_else_is_what_it_says(text: str) -> None:
    assert spoken_call(text, TOOLS) is None


@given(arguments=JSON)
def test_arguments_in_json_are_read_as_they_stand(arguments: dict[str, Any]) -> None:
    assert spoken_call(f"call:look_up{json.dumps(arguments)}", TOOLS) == SpokenCall("look_up", arguments)


@given(text=st.text())
def test_no_utterance_is_an_error(text: str) -> None:
    assert spoken_call(text, TOOLS) is None or "call" in text
