"""What models get wrong about tools, whoever serves them. Pure, but for asking which misbehaviour is on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from roomkit_sim.sim.scenario.mind import Rule
from roomkit_sim.sim.servers.wrongs import GoesWrong

__all__ = ["as_acted_on", "as_called", "sample"]

ONLY_WORDS = "I am transferring you now."


def as_acted_on(rule: Rule, goes_wrong: GoesWrong) -> Rule:
    """What the model does of a rule: possibly words where calls should be."""
    if not rule.calls:
        return rule
    if goes_wrong("any.talks_instead_of_tool"):
        return _speaking(rule, ONLY_WORDS)
    if goes_wrong("any.speaks_the_call"):
        name, arguments = next(iter(rule.calls.items()))
        return _speaking(rule, f"call:{name}{json.dumps(arguments)}", alone=True)
    return rule


def _speaking(rule: Rule, words: str, *, alone: bool = False) -> Rule:
    says = words if alone or not rule.says else f"{rule.says} {words}"
    return rule.model_copy(update={"calls": {}, "says": says})


def as_called(
    calls: Mapping[str, Mapping[str, Any]], declared: Mapping[str, Mapping[str, Any]], goes_wrong: GoesWrong
) -> list[tuple[str, Mapping[str, Any]]]:
    """The calls that are made together: name and arguments each.

    Args:
        calls: Those that the rule wants.
        declared: The session's functions with the schemas of their arguments.
        goes_wrong: Which misbehaviours happen.
    """
    made = list(calls.items())
    other = next((name for name in declared if name not in calls), None)
    if other is not None and made and goes_wrong("any.parallel_tools"):
        made.append((other, sample(declared[other])))
    return made


def sample(schema: Mapping[str, Any]) -> Any:
    """Some value that a schema allows: the least that it requires."""
    options = schema.get("anyOf")
    if options:
        return sample(options[0])
    if schema.get("enum"):
        return schema["enum"][0]
    kinds = schema.get("type") or "object"
    match (kinds if isinstance(kinds, str) else kinds[0]).lower():
        case "object":
            properties = schema.get("properties") or {}
            return {name: sample(properties.get(name) or {"type": "string"}) for name in schema.get("required") or ()}
        case "array":
            return []
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "something"
