"""A recorded call becomes a scenario: what the caller said and when, what the model did, what came of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.audio.pcm import Samples
from roomkit_sim.sim.cassette.behaviour import Handoff, handoffs_of, rules_of, utterance_ids
from roomkit_sim.sim.cassette.conversation import Ended, Moment, Said, conversation_of
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.personas import SeenPersona, SeenPersonas, personas_of, slug
from roomkit_sim.sim.trace.events import Json
from roomkit_sim.sim.trace.route import HUMAN

__all__ = ["UNKNOWN_APP", "ScenarioDraft", "scenario_from"]

UNKNOWN_APP = "your_package.calls:answer"
_MS = 1_000_000
_EARLIER_MS = 200
"""So much before an utterance its sound is cut."""

_SHORTEST_WAIT_MS, _PATIENCE_MS = 300, 15_000
_RATES = (8000, 16000, 24000)


@dataclass(frozen=True)
class ScenarioDraft:
    """A scenario file with its sound.

    Args:
        text: YAML.
        sounds: Its WAV files by their paths from it, with their rates.
    """

    text: str
    sounds: Mapping[PurePosixPath, tuple[Samples, int]] = field(default_factory=dict)


def scenario_from(cassette: Cassette, name: str, app: str = UNKNOWN_APP) -> ScenarioDraft:
    """Make a scenario file of a recorded call.

    Args:
        cassette: The call.
        name: Of the scenario, and of the folder of its sound.
        app: The application under test, ``package.module:function``.

    Raises:
        CassetteError: It has no call, or several at once.
    """
    calls = {connection.call for connection in cassette.connections}
    if len(calls) != 1:
        raise CassetteError(
            f"{len(calls)} calls: a scenario is made of a recording of one; record each by itself", path=cassette.path
        )
    moments = conversation_of(cassette)
    return _Writer(cassette, moments, slug(name), app).draft()


class _Writer:
    """Writes one scenario."""

    def __init__(self, cassette: Cassette, moments: Sequence[Moment], name: str, app: str) -> None:
        self._cassette = cassette
        self._moments = moments
        self._name = name
        self._app = app
        self._personas: SeenPersonas = personas_of(cassette)
        self._ids = utterance_ids(moments)
        self._handoffs: list[Handoff] = handoffs_of(moments)
        self._sounds: dict[PurePosixPath, tuple[Samples, int]] = {}
        self._unwritten = 0

    def draft(self) -> ScenarioDraft:
        """The file."""
        script = self._script()
        rates = {rate_hz for _, rate_hz in self._sounds.values()}
        rate_hz = next((rate for rate in _RATES if rate in rates), 16000)
        lines = [*self._head(), "", "caller:", f"  sample_rate_hz: {rate_hz}", "  script:", *script]
        lines += ["", "mind:", *self._mind(), "", "expect:", *self._expectations()]
        return ScenarioDraft("\n".join(lines) + "\n", self._sounds)

    def _head(self) -> list[str]:
        header = self._cassette.header
        lines = [
            f"# Made of a recorded call ({header.provider}, {header.origin}, {header.recorded}). Read it before use:",
            "# what the model did is put to the last thing that happened before, and what is not known is a comment.",
            f"scenario: {self._name}",
            f"app: {self._app}" + ("  # not in a recording: name yours" if self._app == UNKNOWN_APP else ""),
            f"provider: {header.provider}",
        ]
        if header.origin == "imported":
            lines.append("# The recording was imported without times: the pauses below are made up.")
        return lines

    # What the caller did

    def _script(self) -> list[str]:
        steps: list[str] = []
        spoke: tuple[str, Said, int] | None = None
        last_ns = 0
        for place, moment in enumerate(self._moments):
            said = moment.what
            if not isinstance(said, Said):
                continue
            if said.who == "agent":
                persona = self._personas.at(moment.conn, moment.t_ns)
                if spoke is not None and spoke[0] != (persona.name if persona else ""):
                    # Another agent was heard in between: the call waits for both.
                    steps += _wait_for_speech(spoke[0])
                spoke = (persona.name if persona else "", said, moment.t_ns)
            else:
                steps += self._until(spoke, moment.t_ns, last_ns)
                steps.append(self._say(place, said))
                spoke, last_ns = None, said.until_ns
        end_ns = max((moment.t_ns for moment in self._moments if isinstance(moment.what, Ended)), default=last_ns)
        return [*steps, *self._until(spoke, end_ns + _EARLIER_MS * _MS, last_ns), "    - hang_up"]

    def _until(self, spoke: tuple[str, Said, int] | None, t_ns: int, last_ns: int) -> list[str]:
        """Wait as long as the caller did."""
        begins_ns = t_ns - _EARLIER_MS * _MS
        if spoke is None:
            pause_ms = (begins_ns - last_ns) // _MS
            return [f"    - wait: {{for: time, ms: {_round(pause_ms)}}}"] if pause_ms > 0 else []
        persona, said, since_ns = spoke
        speech = _wait_for_speech(persona)
        if begins_ns < said.until_ns:
            return [*speech, f"    - wait: {{for: time, ms: {_round((begins_ns - since_ns) // _MS)}}}"]
        return [*speech, f"    - wait: {{for: agent_silence, ms: {_round((begins_ns - said.until_ns) // _MS)}}}"]

    def _say(self, place: int, said: Said) -> str:
        values: dict[str, Json] = {"id": self._ids[place]}
        comment = ""
        if said.stretch is not None and said.stretch.samples is not None:
            path = PurePosixPath(self._name) / f"{self._ids[place]}.wav"
            self._sounds[path] = (said.stretch.samples, said.stretch.rate_hz)
            values["file"] = str(path)
        if said.words:
            values["text"] = said.words
        if "file" not in values:
            comment = "  # its sound was not recorded, so it is spoken anew"
            values.setdefault("text", "I said something.")
            comment += "" if said.words else "; nor was what was said: write it"
        if said.utterance == "unknown":
            values["known"] = False
        return f"    - say: {_flow(values)}{comment}"

    # What the model did

    def _mind(self) -> list[str]:
        rules = rules_of(self._moments, self._ids, self._personas)
        lines: list[str] = []
        for persona in self._personas.most_special_first():
            when = self._personas.when(persona)
            unclear = "" if when else "  # last, because all of its instructions are in those of another"
            lines += [f"  {persona.name}:", f"    when: {_flow(when or persona.instructions.splitlines()[0])}{unclear}"]
            lines.append(f"    agent: {self._agent(persona)}{self._doubt(persona)}")
            lines.append("    rules:" if rules[persona.name] else "    rules: []")
            lines += [f"      - {_flow(rule.values())}" for rule in rules[persona.name]]
        for agent in self._unseen():
            lines += [
                f"  {slug(agent)}:",
                f"    when: {_flow(f'({agent})')}  # never on the wire: write a line of its instructions",
                f"    agent: {agent}",
            ]
        return lines or ["  {}  # nobody was given instructions in this recording"]

    def _agent(self, persona: SeenPersona) -> str:
        return persona.agent or self._named().get(persona.name) or f"agent-{persona.name}"

    def _named(self) -> dict[str, str]:
        """The agents whom a handoff named: who comes after it."""
        named: dict[str, str] = {}
        for handoff in self._handoffs:
            after = next((persona for t_ns, _, persona in self._personas.changes if t_ns > handoff.t_ns), None)
            if handoff.accepted and handoff.to and after is not None:
                named.setdefault(after.name, handoff.to)
        return named

    def _unseen(self) -> list[str]:
        """Agents to whom the call was handed and who never came onto the wire."""
        seen = {self._agent(persona) for persona in self._personas.all} | {HUMAN}
        return list(dict.fromkeys(one.to for one in self._handoffs if one.accepted and one.to and one.to not in seen))

    def _doubt(self, persona: SeenPersona) -> str:
        known = persona.agent or persona.name in self._named()
        return "" if known else "  # its id is not in the recording: made of its role"

    # What came of it

    def _expectations(self) -> list[str]:
        changes = [(t_ns, self._agent(persona)) for t_ns, _, persona in self._personas.changes]
        people = [
            (handoff.t_ns, HUMAN)
            for handoff in self._handoffs
            if handoff.accepted and HUMAN in (handoff.to, handoff.target)
        ]
        unseen = [(one.t_ns, one.to) for one in self._handoffs if one.accepted and one.to in self._unseen()]
        route: list[str] = []
        for _, agent in sorted([*changes, *people, *((t_ns, str(to)) for t_ns, to in unseen)]):
            if not route or route[-1] != agent:
                route.append(agent)
        lines = [f"  route: {_flow(list(route))}"]
        accepted = [handoff for handoff in self._handoffs if handoff.accepted]
        if accepted and all(handoff.phase for handoff in accepted):
            phases = ", ".join(str(handoff.phase) for handoff in accepted)
            lines.append(f"  # phases: [?, {phases}]  # the first one is not on the wire")
        heard: list[Json] = [self._heard(place) for place in self._ids]
        if heard:
            lines.append(f"  heard: {_flow(heard)}")
        lines.append("  handoffs:" if self._handoffs else "  handoffs: []")
        return lines + [self._handoff(handoff) for handoff in self._handoffs]

    def _heard(self, place: int) -> str:
        said = self._moments[place].what
        return "unknown" if isinstance(said, Said) and said.utterance == "unknown" else self._ids[place]

    def _handoff(self, handoff: Handoff) -> str:
        persona = self._personas.at(handoff.conn, handoff.t_ns)
        values: dict[str, Json] = {"from": self._agent(persona) if persona else "agent-unknown"}
        values["to"] = handoff.to if handoff.accepted and handoff.to else handoff.target
        values["accepted"] = handoff.accepted is not False
        comment = "" if handoff.accepted is not None else "  # no answer was recorded"
        if handoff.accepted and not self._speaks_after(handoff):
            values["completes"] = False
        return f"    - {_flow(values)}{comment}"

    def _speaks_after(self, handoff: Handoff) -> bool:
        later = [
            m for m in self._moments if m.t_ns > handoff.t_ns and isinstance(m.what, Said) and m.what.who == "agent"
        ]
        speakers = [self._personas.at(moment.conn, moment.t_ns) for moment in later]
        return any(persona is not None and self._agent(persona) == handoff.to for persona in speakers)


def _wait_for_speech(persona: str) -> list[str]:
    named = f", persona: {persona}" if persona else ""
    return [f"    - wait: {{for: agent_speech{named}, within_ms: {_PATIENCE_MS}}}"]


def _round(ms: int) -> int:
    return max(_SHORTEST_WAIT_MS, (ms + 50) // 100 * 100)


def _flow(value: Json) -> str:
    """A value on one line. JSON is YAML; what needs no quotes has none."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum() and value[0].isalpha():
        return value if value not in ("true", "false", "null", "on", "off", "yes", "no") else json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    # In a scenario file 'on' is a word.
    return key if key == "on" else _flow(key)
