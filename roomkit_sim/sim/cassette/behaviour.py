"""What the model did in a recorded call, as the rules of a mind that does it again. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from roomkit_sim.sim.cassette.acts import Answered, Called, Configured, Told
from roomkit_sim.sim.cassette.conversation import Moment, Said
from roomkit_sim.sim.cassette.personas import SeenPersonas, slug
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.tool_results import unwrapped

__all__ = ["Handoff", "SeenRule", "handoffs_of", "rules_of", "utterance_ids"]

HANDOFF_TOOLS = ("handoff_conversation", "handoff")


@dataclass
class SeenRule:
    """A rule.

    Args:
        trigger: As a rule of a scenario has it: ``hears``, or ``on`` with ``contains``.
        calls: What was called.
        says: What was said.
        refused: Whether a call was one that the application refused.
    """

    trigger: dict[str, Json]
    calls: dict[str, Json] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)
    refused: bool = False

    def values(self) -> dict[str, Json]:
        """As it stands in a scenario."""
        values = dict(self.trigger)
        if self.calls:
            values["calls"] = dict(self.calls)
        if self.says:
            values["says"] = " ".join(self.says)
        if self.refused:
            # What was refused may not even be declared, or not allowed by its schema.
            values["hallucinate"] = True
        return values


@dataclass(frozen=True, slots=True)
class Handoff:
    """A handoff that the model asked for.

    Args:
        t_ns: When.
        conn: On which connection.
        target: What it asked for.
        accepted: Whether it was accepted; nothing when no answer was recorded.
        to: The new agent, if the answer names it.
        phase: The new phase, if the answer names it.
        reason: Why it was refused.
    """

    t_ns: int
    conn: int
    target: str
    accepted: bool | None
    to: str | None
    phase: str | None
    reason: str | None


def utterance_ids(moments: Sequence[Moment]) -> dict[int, str]:
    """A name for each utterance of the caller, by its place among the moments."""
    names: dict[int, str] = {}
    for place, moment in enumerate(moments):
        if isinstance(moment.what, Said) and moment.what.who == "caller":
            said = moment.what
            known = said.utterance if said.utterance not in (None, "unknown", "None") else None
            base = known or (slug(" ".join(said.words.split()[:4])) if said.words else "unheard")
            taken = set(names.values())
            number = next(n for n in range(1, len(names) + 2) if (base if n == 1 else f"{base}-{n}") not in taken)
            names[place] = base if number == 1 else f"{base}-{number}"
    return names


def rules_of(moments: Sequence[Moment], names: Mapping[int, str], personas: SeenPersonas) -> dict[str, list[SeenRule]]:
    """The rules of each persona, in the order in which they were used.

    What the model did is put to the last thing that happened to it before: that is likely, not known.
    """
    rules: dict[str, list[SeenRule]] = {persona.name: [] for persona in personas.all}
    current: dict[int, SeenRule] = {}
    pending: dict[int, str] = {}
    refused = {handoff.t_ns for handoff in handoffs_of(moments) if handoff.accepted is False}
    for place, moment in enumerate(moments):
        persona = personas.at(moment.conn, moment.t_ns)
        if persona is None:
            continue
        match moment.what:
            case Configured():
                trigger: dict[str, Json] = {"on": "resumed" if moment.what.resumes else "connected"}
                current[moment.conn] = _new(rules[persona.name], trigger)
            case Told(text=text, to_be_answered=False):
                pending[moment.conn] = text
            case Told(text="", to_be_answered=True) if _is_unanswered(current.get(moment.conn)):
                # OpenAI's client has to ask for what follows a tool's result.
                continue
            case Told(text=text, to_be_answered=True):
                text = text or pending.pop(moment.conn, "")
                current[moment.conn] = _new(rules[persona.name], {"on": "asked_to_speak", **_contains(text)})
            case Said(who="caller"):
                current[moment.conn] = _new(rules[persona.name], {"hears": names[place]})
            case Answered(result=result):
                # A handoff is answered too, and not everything is said to that.
                current[moment.conn] = _new(rules[persona.name], {"on": "tool_result", **_contains_result(result)})
            case Called(name=name, arguments=arguments) if moment.conn in current:
                current[moment.conn].calls[name] = dict(arguments)
                current[moment.conn].refused |= moment.t_ns in refused
            case Said(who="agent", words=words) if moment.conn in current:
                current[moment.conn].says.append(words)
    return {name: _used(mine) for name, mine in rules.items()}


def _is_unanswered(rule: SeenRule | None) -> bool:
    return rule is not None and rule.trigger.get("on") == "tool_result" and not rule.says and not rule.calls


def _new(rules: list[SeenRule], trigger: dict[str, Json]) -> SeenRule:
    rules.append(SeenRule(trigger))
    return rules[-1]


def _used(rules: Sequence[SeenRule]) -> list[SeenRule]:
    """Those that did something, with what tells them apart where there are several of a kind."""
    useful = [rule for rule in rules if rule.calls or rule.says]
    kept: list[SeenRule] = []
    for rule in useful:
        if any(rule.values() == other.values() for other in kept):
            continue
        kept.append(rule)
    triggers = [json.dumps(_without(rule.trigger, "contains"), sort_keys=True) for rule in kept]
    for rule, trigger in zip(kept, triggers, strict=True):
        if triggers.count(trigger) == 1:
            if rule.trigger.get("on") != "tool_result":
                rule.trigger.pop("contains", None)
        elif "hears" not in rule.trigger:
            rule.trigger["times"] = 1
    return kept


def _without(values: Mapping[str, Json], key: str) -> dict[str, Json]:
    return {name: item for name, item in values.items() if name != key}


def _contains(text: str) -> dict[str, Json]:
    lines = [line for line in text.splitlines() if line.strip()]
    return {"contains": lines[0][:60].strip()} if lines else {}


def _contains_result(result: Json) -> dict[str, Json]:
    """The first thing that a tool's result says, as it stands in the result's JSON."""
    value = unwrapped(_parsed(result))
    if isinstance(value, dict):
        simple = (json.dumps({key: item})[1:-1] for key, item in value.items() if not isinstance(item, dict | list))
        said = next(simple, "")
    else:
        said = json.dumps(value)[1:-1] if isinstance(value, str) else ""
    return {"contains": said[:60]} if said else {}


def handoffs_of(moments: Sequence[Moment]) -> list[Handoff]:
    """The handoffs that the model asked for, with what the application answered."""
    answers = {moment.what.id: moment.what.result for moment in moments if isinstance(moment.what, Answered)}
    found = []
    for moment in moments:
        if not isinstance(moment.what, Called) or not moment.what.name.startswith(HANDOFF_TOOLS):
            continue
        answer = _object(answers.get(moment.what.id))
        target = moment.what.arguments.get("target")
        accepted = answer.get("accepted")
        found.append(
            Handoff(
                t_ns=moment.t_ns,
                conn=moment.conn,
                target=str(target) if target is not None else moment.what.name,
                accepted=accepted if isinstance(accepted, bool) else None,
                to=_text(answer.get("new_agent_id")),
                phase=_text(answer.get("new_phase")),
                reason=_text(answer.get("reason")),
            )
        )
    return found


def _object(value: Json) -> dict[str, Json]:
    value = _parsed(value)
    return value if isinstance(value, dict) else {}


def _parsed(value: Json) -> Json:
    if isinstance(value, str):
        try:
            parsed: Json = json.loads(value)
        except ValueError:
            return value
        return parsed
    return value


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
