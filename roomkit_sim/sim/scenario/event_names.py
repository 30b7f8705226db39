"""Names of trace events and of messages in scenario files: a misspelt one is told the nearest."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from roomkit_sim.sim.scenario.strict import nearest
from roomkit_sim.sim.trace.events import sources
from roomkit_sim.sim.trace.vocabulary import AFTERWARDS, EVENTS, MESSAGES, Way, unknown_part

__all__ = ["EventName", "check_message_name"]


def _check_event(value: str) -> str:
    if value in EVENTS:
        return value
    if value in AFTERWARDS:
        raise ValueError(f"{value!r} is found out when the call is over: nothing can happen at that moment")
    source, dot, _ = value.partition(".")
    if source not in sources() or not dot:
        hint = nearest(value, EVENTS)
        raise ValueError(
            f"{value!r} is no trace event: those are called '<source>.<kind>', such as 'runtime.handoff_decided', "
            f"with a source of {', '.join(sources())}" + (f"; {hint}" if hint.startswith("did you mean") else "")
        )
    of_source = [name for name in EVENTS if name.startswith(f"{source}.")]
    raise ValueError(f"{value!r} is no trace event: {nearest(value, of_source)}")


EventName = Annotated[str, AfterValidator(_check_event)]
"""The name of an event that happens during a call."""


def check_message_name(name: str, way: Way) -> str:
    """The name of a message.

    Raises:
        ValueError: No message that goes this way is called so.
    """
    part = unknown_part(name, way)
    if part is None:
        return name
    other: Way = "up" if way == "down" else "down"
    if part in MESSAGES[other]:
        raise ValueError(f"messages {part!r} go {other}, not {way}: say 'direction: {other}'")
    hint = nearest(part, MESSAGES[way])
    if not hint.startswith("did you mean"):
        hint = "names are those of 'wire.sent' and 'wire.received' in a trace; docs/faults.md lists them"
    raise ValueError(f"no message that goes {way} is called {part!r}: {hint}")
