"""The scripted mind: who is in charge, which rule is taken, and which calls it may make."""

from __future__ import annotations

from typing import Any

import pytest

from roomkit_sim.sim.scenario.mind import Persona, Rule
from roomkit_sim.sim.servers.mind import DID_NOT_CATCH, Mind, Stimulus, Uses, why_not_callable

DECLARED = {"transfer": {"type": "OBJECT", "properties": {"target": {"type": "STRING"}}, "required": ["target"]}}


def mind_of(*rules: dict[str, Any]) -> Mind:
    return Mind({"triage": Persona(when="Role: Triage", rules=tuple(Rule.model_validate(rule) for rule in rules))})


def says(mind: Mind, stimulus: Stimulus, uses: Uses | None = None, instructions: str = "Role: Triage") -> str | None:
    rule = mind.react(mind.character(instructions), stimulus, {} if uses is None else uses)
    return rule.says if rule is not None else None


# Who


def test_the_first_persona_that_matches_is_in_charge() -> None:
    mind = Mind({"first": Persona(when="Role:"), "second": Persona(when="Role: Advisor")})
    assert mind.character("Role: Advisor").name == "first"


@pytest.mark.parametrize(
    ("when", "instructions", "matches"),
    [
        ("Role: Triage", "...\nRole: Triage receptionist", True),
        ("Role: Triage", "role: triage", False),
        ("/(?i)role: triage/", "role: Triage", True),
        ("/^advisor$/", "the advisor", False),
        ("/", "a/b", True),
        ("//", "a//b", True),
    ],
)
def test_a_persona_is_found_by_text_or_by_a_pattern(when: str, instructions: str, matches: bool) -> None:
    assert (Mind({"it": Persona(when=when)}).character(instructions).name == "it") is matches


def test_nobody_is_in_charge_of_instructions_that_match_nothing() -> None:
    character = mind_of().character("Role: Advisor")
    assert (character.name, character.agent, character.persona) == ("unknown", None, None)


def test_the_agent_of_a_persona_comes_from_the_scenario() -> None:
    mind = Mind({"triage": Persona(when="Role")}, agent_of=lambda name: name.upper())
    assert mind.character("Role").agent == "TRIAGE"


@pytest.mark.parametrize(
    ("stimulus", "speaks"),
    [
        (Stimulus(hears="ask"), True),
        (Stimulus(hears="unknown"), True),
        (Stimulus(on="asked_to_speak"), True),
        (Stimulus(on="connected"), False),
        (Stimulus(on="resumed"), False),
        (Stimulus(on="tool_result"), False),
    ],
)
def test_the_unknown_persona_answers_and_does_not_speak_first(stimulus: Stimulus, speaks: bool) -> None:
    said = says(mind_of(), stimulus, instructions="Role: Nobody")
    assert said == ("I do not know who I am supposed to be." if speaks else None)


# Which rule


def test_the_first_rule_that_fits_is_taken() -> None:
    mind = mind_of({"hears": "ask", "says": "one"}, {"hears": "ask", "says": "two"})
    assert says(mind, Stimulus(hears="ask")) == "one"


def test_a_rule_is_used_so_often_as_it_says_and_then_the_next_one() -> None:
    uses: Uses = {}
    mind = mind_of({"hears": "ask", "says": "one", "times": 2}, {"hears": "ask", "says": "two"})
    assert [says(mind, Stimulus(hears="ask"), uses) for _ in range(4)] == ["one", "one", "two", "two"]


def test_uses_are_counted_for_each_persona_by_itself() -> None:
    rules = (Rule(hears="ask", says="once", times=1),)
    uses: Uses = {}
    mind = Mind({"a": Persona(when="A", rules=rules), "b": Persona(when="B", rules=rules)})
    said = [says(mind, Stimulus(hears="ask"), uses, who) for who in ("A", "B", "A")]
    assert said == ["once", "once", DID_NOT_CATCH]


@pytest.mark.parametrize("heard", ["unknown", "other"])
def test_what_no_rule_is_for_was_not_caught(heard: str) -> None:
    assert says(mind_of({"hears": "ask", "says": "yes"}), Stimulus(hears=heard)) == DID_NOT_CATCH


def test_there_can_be_a_rule_for_unknown_speech() -> None:
    assert says(mind_of({"hears": "unknown", "says": "Pardon?"}), Stimulus(hears="unknown")) == "Pardon?"


def test_speech_triggers_no_rule_of_another_kind() -> None:
    mind = mind_of({"on": "asked_to_speak", "says": "text"}, {"on": "connected", "says": "connected"})
    assert says(mind, Stimulus(hears="ask")) == DID_NOT_CATCH


@pytest.mark.parametrize(
    ("text", "said"), [("Greet the caller.", "good morning"), ("greet", "something"), ("", "something")]
)
def test_contains_looks_at_the_text(text: str, said: str) -> None:
    mind = mind_of(
        {"on": "asked_to_speak", "contains": "Greet", "says": "good morning"},
        {"on": "asked_to_speak", "says": "something"},
    )
    assert says(mind, Stimulus(on="asked_to_speak", text=text)) == said


@pytest.mark.parametrize("on", ["connected", "resumed", "tool_result"])
def test_nothing_is_said_where_no_rule_asks_for_it(on: Any) -> None:
    assert says(mind_of(), Stimulus(on=on)) is None


def test_a_persona_that_is_asked_to_speak_always_says_something() -> None:
    assert says(mind_of(), Stimulus(on="asked_to_speak")) == "How can I help you?"


def test_a_rule_that_was_not_taken_is_not_counted() -> None:
    uses: Uses = {}
    mind = mind_of({"hears": "ask", "says": "one", "times": 1})
    says(mind, Stimulus(hears="other"), uses)
    assert uses == {}
    assert says(mind, Stimulus(hears="ask"), uses) == "one"


# Which calls


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ({"transfer": {"target": "advisor"}}, None),
        ({}, None),
        ({"transfer": {"target": 5}}, "transfer.target must be string, not int"),
        ({"transfer": {"target": "a", "more": 1}}, "transfer.more is not declared"),
        ({"fly": {}}, "the session declares no function 'fly' (declared: transfer)"),
        ({"transfer": {"target": "advisor"}, "fly": {}}, "the session declares no function 'fly' (declared: transfer)"),
    ],
)
def test_only_declared_functions_are_called_with_arguments_that_fit(calls: Any, why: str | None) -> None:
    assert why_not_callable(Rule(hears="ask", calls=calls), DECLARED) == why


def test_a_session_without_functions_is_told_so() -> None:
    why = why_not_callable(Rule(hears="ask", calls={"fly": {}}), {})
    assert why == "the session declares no function 'fly' (declared: none)"


def test_a_hallucination_needs_no_declaration() -> None:
    assert why_not_callable(Rule(hears="ask", calls={"fly": {"x": 1}}, hallucinate=True), DECLARED) is None
