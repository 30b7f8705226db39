"""Whether arguments fit a declared schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomkit_sim.sim.servers.schema import malformed, mismatch

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "height": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "role": {"type": "string", "enum": ["caller", "agent"]},
        "note": {"type": "STRING", "nullable": True},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "both": {"type": ["integer", "null"]},
    },
    "required": ["name"],
}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Ada"},
        {"name": "Ada", "age": 36, "height": 1.7, "tags": ["a", "b"], "role": "caller"},
        {"name": "Ada", "height": 2, "tags": []},
        {"name": "Ada", "note": None, "either": None, "both": None},
        {"name": "Ada", "note": "n", "either": "e", "both": 1},
    ],
)
def test_what_fits_is_accepted_in_either_style_of_type_names(value: Any) -> None:
    assert mismatch(value, PERSON) is None
    upper = {**PERSON, "type": "OBJECT"}
    assert mismatch(value, upper) is None


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({}, "arguments.name is missing"),
        ({"name": 1}, "arguments.name must be string, not int"),
        ({"name": None}, "arguments.name must be string, not NoneType"),
        ({"name": "Ada", "age": 1.5}, "arguments.age must be integer, not float"),
        ({"name": "Ada", "age": True}, "arguments.age must be integer, not bool"),
        ({"name": "Ada", "height": "tall"}, "arguments.height must be number, not str"),
        ({"name": "Ada", "tags": ["a", 2]}, "arguments.tags[1] must be string, not int"),
        ({"name": "Ada", "role": "boss"}, "arguments.role must be one of caller, agent, not 'boss'"),
        ({"name": "Ada", "more": 1}, "arguments.more is not declared"),
        ({"name": "Ada", "either": 1}, "arguments.either must be string, not int"),
        ({"name": "Ada", "both": "x"}, "arguments.both must be integer or null, not str"),
        ([], "arguments must be object, not list"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(value: Any, wrong: str) -> None:
    assert mismatch(value, PERSON) == wrong


def test_a_schema_without_properties_takes_any_object() -> None:
    assert mismatch({"anything": 1}, {"type": "object"}) is None
    assert mismatch({"anything": 1}, {}) is None


def test_further_properties_can_be_allowed() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": True}
    assert mismatch({"a": 1, "b": 2}, schema) is None


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ("object", "schema must be an object"),
        ({"type": 1}, "schema.type must be a name or a list of names"),
        ({"type": ["string", 1]}, "schema.type must be a name or a list of names"),
        ({"required": "name"}, "schema.required must be a list of names"),
        ({"enum": {"a": 1}}, "schema.enum must be a list"),
        ({"properties": []}, None),
        ({"properties": ["a"]}, "schema.properties must be an object"),
        ({"properties": {"a": {"items": 3}}}, "schema.properties.a.items must be an object"),
        ({"anyOf": {}}, "schema.anyOf must be a list"),
        ({"anyOf": [{}, None]}, "schema.anyOf[1] must be an object"),
    ],
)
def test_what_is_no_schema_is_named_with_its_place(schema: Any, wrong: str | None) -> None:
    assert malformed(schema) == wrong


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "enum", "required", "anyOf", "nullable", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)
schemas = st.recursive(
    st.fixed_dictionaries({}, optional={"type": st.sampled_from(["object", "ARRAY", "string", "integer"]) | json}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "ARRAY"]) | json,
            "properties": st.dictionaries(st.sampled_from("ab"), inner) | json,
            "items": inner | json,
            "anyOf": st.lists(inner, max_size=2) | json,
            "enum": json,
            "required": st.lists(st.sampled_from("ab")) | json,
        },
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(json, schemas)
def test_a_schema_that_is_taken_can_be_checked_against(value: Any, schema: Any) -> None:
    if malformed(schema) is None:
        assert isinstance(mismatch(value, schema), str | None)
