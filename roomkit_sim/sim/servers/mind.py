"""The scripted mind of a fake provider: who is in charge of a session, and what it does next. Nothing here waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.sim.scenario.mind import Persona, Rule, Trigger
from roomkit_sim.sim.servers.schema import mismatch

__all__ = ["DID_NOT_CATCH", "UNKNOWN_PERSONA", "Character", "Mind", "Stimulus", "Uses"]

DID_NOT_CATCH = "Sorry, I did not catch that."
AT_A_LOSS = "How can I help you?"
UNKNOWN_PERSONA = "unknown"
NOBODY_IN_CHARGE = "I do not know who I am supposed to be."

Uses = dict[tuple[str, int], int]
"""How often each rule was used: (persona, index of the rule) to count. Part of the conversation, so it is resumed."""


@dataclass(frozen=True)
class Stimulus:
    """What the mind reacts to.

    Args:
        hears: The id of a recognised utterance; ``unknown`` for speech that nobody knows.
        on: What else happened.
        text: The words of a text turn, or a tool's result as JSON.
    """

    hears: str | None = None
    on: Trigger | None = None
    text: str = ""


@dataclass(frozen=True)
class Character:
    """Who is in charge of a session.

    Args:
        name: The persona's name.
        agent: The agent that it plays.
        persona: Its rules; ``None`` for the built-in persona that knows nothing.
    """

    name: str
    agent: str | None
    persona: Persona | None

    def number_of(self, rule: Rule) -> int | None:
        """Which of the persona's rules this is, counted from 1."""
        rules = self.persona.rules if self.persona is not None else ()
        return next((number for number, known in enumerate(rules, start=1) if known is rule), None)


@dataclass(frozen=True)
class Mind:
    """The personas of a scenario.

    Args:
        personas: By name, in the order in which they are tried.
        agent_of: The agent that a persona plays.
    """

    personas: Mapping[str, Persona]
    agent_of: Callable[[str], str] = field(default=lambda name: f"agent-{name}")

    def character(self, instructions: str) -> Character:
        """Who is in charge of a session with these instructions: the first persona that matches."""
        for name, persona in self.personas.items():
            if persona.matches(instructions):
                return Character(name, self.agent_of(name), persona)
        return Character(UNKNOWN_PERSONA, None, None)

    def react(self, character: Character, stimulus: Stimulus, uses: Uses) -> Rule | None:
        """What the character does; ``None`` is nothing at all. The rule that is taken is counted in ``uses``."""
        if character.persona is None:
            return _saying(NOBODY_IN_CHARGE) if stimulus.on in (None, "asked_to_speak") else None
        for index, rule in enumerate(character.persona.rules):
            key = (character.name, index)
            if _applies(rule, stimulus) and (rule.times is None or uses.get(key, 0) < rule.times):
                uses[key] = uses.get(key, 0) + 1
                return rule
        if stimulus.hears is not None:
            return _saying(DID_NOT_CATCH)
        return _saying(AT_A_LOSS) if stimulus.on == "asked_to_speak" else None


def _saying(words: str) -> Rule:
    return Rule(on="asked_to_speak", says=words)


def _applies(rule: Rule, stimulus: Stimulus) -> bool:
    if stimulus.hears is not None:
        return rule.hears == stimulus.hears
    return rule.on == stimulus.on and (rule.contains is None or rule.contains in stimulus.text)


def why_not_callable(rule: Rule, declared: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why a rule's calls could not be made by a model that was given these functions; ``None`` if they could.

    Args:
        rule: The rule.
        declared: Function name to the schema of its arguments.
    """
    if rule.hallucinate:
        return None
    for name, arguments in rule.calls.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            return f"the session declares no function {name!r} (declared: {known})"
        wrong = mismatch(arguments, declared[name], name)
        if wrong:
            return wrong
    return None
