"""The connections of a call to its provider, and who was configured on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from roomkit_sim.sim.trace.events import TraceEvent

__all__ = ["ConnectionView", "PersonaSpell", "connections", "is_setup_complete"]


@dataclass(frozen=True, slots=True)
class PersonaSpell:
    """From when a session ran under which persona."""

    t_ns: int
    seq: int
    persona: str
    agent: str | None
    voice: str | None


@dataclass(slots=True)
class ConnectionView:
    """One connection. A time is nothing where it did not happen."""

    conn: int
    dialled_ns: int | None = None
    opened_ns: int | None = None
    ready_ns: int | None = None
    ready_seq: int | None = None
    closed_ns: int | None = None
    closed_by: str | None = None
    close_code: int | None = None
    personas: list[PersonaSpell] = field(default_factory=list)

    def open_at(self, t_ns: int) -> bool:
        """Whether the session was set up and not closed at a time."""
        return self.ready_ns is not None and self.ready_ns <= t_ns and (self.closed_ns is None or t_ns < self.closed_ns)

    def persona_at(self, t_ns: int) -> PersonaSpell | None:
        """Who was configured at a time."""
        spells = [spell for spell in self.personas if spell.t_ns <= t_ns]
        return spells[-1] if spells else None


def is_setup_complete(event: TraceEvent) -> bool:
    """Whether the client received the acknowledgement of a setup with this event.

    Gemini Live acknowledges the only setup of a connection; OpenAI Realtime each configuration of the session.
    """
    if event.name != "wire.received":
        return False
    frame = str(event.data.get("frame"))
    return frame == "session.updated" or "setupComplete" in frame.split("+")


def connections(events: Iterable[TraceEvent]) -> tuple[ConnectionView, ...]:
    """The connections, in the order of dialling."""
    views: dict[int, ConnectionView] = {}
    for event in events:
        conn = event.data.get("conn")
        if isinstance(conn, int) and event.src in ("wire", "server"):
            _take(views.setdefault(conn, ConnectionView(conn)), event)
    return tuple(views.values())


def _take(view: ConnectionView, event: TraceEvent) -> None:
    match event.name:
        case "wire.dial":
            view.dialled_ns = event.t_ns
        case "wire.open":
            view.opened_ns = event.t_ns
        case "wire.close":
            code, by = event.data.get("code"), event.data.get("by")
            view.closed_ns, view.closed_by = event.t_ns, by if isinstance(by, str) else None
            view.close_code = code if isinstance(code, int) else None
        case "server.persona":
            agent, voice = event.data.get("agent"), event.data.get("voice")
            view.personas.append(
                PersonaSpell(
                    event.t_ns,
                    event.seq,
                    str(event.data.get("name")),
                    agent if isinstance(agent, str) else None,
                    voice if isinstance(voice, str) else None,
                )
            )
        case _ if is_setup_complete(event) and view.ready_ns is None:
            view.ready_ns, view.ready_seq = event.t_ns, event.seq
