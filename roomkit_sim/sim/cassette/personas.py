"""Who the model was told to be in a recorded call. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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
        by_connection: Who is on which connection, at its end.
    """

    all: tuple[SeenPersona, ...] = ()
    by_connection: Mapping[int, SeenPersona] = field(default_factory=dict)

    def when(self, persona: SeenPersona) -> str | None:
        """The first line of its instructions that nobody else has; nothing when there is none."""
        others = [other.instructions for other in self.all if other != persona]
        lines = [line.strip() for line in persona.instructions.splitlines() if line.strip()]
        own = [line for line in lines if not any(line in other for other in others)]
        roles = [line for line in own if line.startswith("Role:")]
        return next(iter(roles or own), None)


def personas_of(cassette: Cassette) -> SeenPersonas:
    """The personas of a call: one for each text of instructions."""
    found: dict[str, SeenPersona] = {}
    by_connection: dict[int, SeenPersona] = {}
    for connection in cassette.connections:
        persona = _persona(connection, len(found) + 1)
        if persona is not None:
            by_connection[connection.number] = found.setdefault(persona.instructions, persona)
    return SeenPersonas(tuple(found.values()), by_connection)


def _persona(connection: RecordedConnection, number: int) -> SeenPersona | None:
    configured: Configured | None = None
    known: Note | None = None
    for event in connection.events:
        if isinstance(event, Frame) and event.way == "sent" and isinstance(event.body, Plain):
            for act in acts_of("sent", event.body.json):
                if isinstance(act, Configured) and act.instructions is not None:
                    configured = act
        elif isinstance(event, Note) and event.kind == "persona":
            known = event
    if configured is None or configured.instructions is None:
        return None
    role = _ROLE.search(configured.instructions)
    name = slug(role[1]) if role else f"persona-{number}"
    agent = known.data.get("agent") if known is not None else None
    if known is not None and isinstance(known.data.get("name"), str):
        name = str(known.data["name"])
    return SeenPersona(name, agent if isinstance(agent, str) else None, configured.instructions, configured.voice)


def slug(text: str) -> str:
    """Letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold())[:_LONGEST_SLUG].strip("-") or "nameless"
