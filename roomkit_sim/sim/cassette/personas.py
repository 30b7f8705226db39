"""Who the model was told to be in a recorded call. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import combinations

from roomkit_sim.sim.cassette.acts import Configured, acts_of
from roomkit_sim.sim.cassette.model import Cassette, Frame, Note, Plain, RecordedConnection

__all__ = ["SeenPersona", "SeenPersonas", "personas_of", "slug"]

_ROLE = re.compile(r"^Role:\s*(.+)$", re.MULTILINE)
_LONGEST_SLUG = 30


@dataclass(frozen=True, slots=True)
class SeenPersona:
    """One of them.

    Args:
        name: Of our server's persona, or made of its role.
        agent: The agent's id, where our own server knew it.
        instructions: What it was told.
        voice: Its voice.
    """

    name: str
    agent: str | None
    instructions: str
    voice: str | None


@dataclass(frozen=True)
class SeenPersonas:
    """All of them.

    Args:
        all: In the order in which they came, each once.
        changes: Who was on which connection from when on, in nanoseconds since the first dial.
    """

    all: tuple[SeenPersona, ...] = ()
    changes: tuple[tuple[int, int, SeenPersona], ...] = ()

    def at(self, conn: int, t_ns: int) -> SeenPersona | None:
        """Who is on a connection at a time; nothing before anybody was."""
        mine = [persona for since_ns, number, persona in self.changes if number == conn and since_ns <= t_ns]
        return mine[-1] if mine else None

    def when(self, persona: SeenPersona) -> str | None:
        """What tells it from the others: a line of its instructions, or two of them; nothing when there is none."""
        others = [other.instructions for other in self.all if other != persona]
        lines = [line.strip() for line in persona.instructions.splitlines() if line.strip()]
        own = [line for line in lines if not any(line in other for other in others)]
        roles = [line for line in own if line.startswith("Role:")]
        if own:
            return (roles or own)[0]
        for first, second in combinations(lines, 2):
            if not any(first in other and second in other for other in others):
                return f"/(?s){re.escape(first)}.*{re.escape(second)}/"
        return None

    def most_special_first(self) -> list[SeenPersona]:
        """In an order in which the first that matches is the right one."""
        return sorted(self.all, key=lambda persona: self.when(persona) is None)


def personas_of(cassette: Cassette) -> SeenPersonas:
    """The personas of a call, by their names."""
    found: dict[str, SeenPersona] = {}
    changes: list[tuple[int, int, str]] = []
    for connection in cassette.connections:
        for t_ns, persona in _personas(connection, len(found) + 1):
            known = found.setdefault(persona.name, persona)
            # What both were told is what this persona is always told.
            common = set(map(str.strip, persona.instructions.splitlines()))
            lines = [line for line in known.instructions.splitlines() if line.strip() in common]
            found[persona.name] = replace(known, instructions="\n".join(lines))
            changes.append((connection.dialled_ns + t_ns, connection.number, persona.name))
    return SeenPersonas(tuple(found.values()), tuple((t_ns, conn, found[name]) for t_ns, conn, name in changes))


def _personas(connection: RecordedConnection, number: int) -> list[tuple[int, SeenPersona]]:
    """Who was on a connection, from when on."""
    seen: list[tuple[int, SeenPersona]] = []
    for event in connection.events:
        if isinstance(event, Frame) and event.way == "sent" and isinstance(event.body, Plain):
            for act in acts_of("sent", event.body.json):
                if isinstance(act, Configured) and act.instructions is not None:
                    seen.append((event.t_ns, _persona(act, act.instructions, number + len(seen))))
        elif isinstance(event, Note) and event.kind == "persona" and seen:
            t_ns, persona = seen[-1]
            name, agent = event.data.get("name"), event.data.get("agent")
            known = isinstance(name, str) and name != "unknown"
            named = replace(persona, name=str(name)) if known else persona
            seen[-1] = (t_ns, replace(named, agent=agent if isinstance(agent, str) else None))
    return seen


def _persona(configured: Configured, instructions: str, number: int) -> SeenPersona:
    role = _ROLE.search(instructions)
    return SeenPersona(slug(role[1]) if role else f"persona-{number}", None, instructions, configured.voice)


def slug(text: str) -> str:
    """Letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold())[:_LONGEST_SLUG].strip("-") or "nameless"
