"""One thing that happened in a call.

A trace is a list of these, ordered by ``(t_ns, seq)``. Checks, metrics and reports read traces and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

__all__ = ["SCHEMA_VERSION", "Json", "Source", "TraceEvent", "sources"]

SCHEMA_VERSION = 1

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What may stand in an event: plain JSON types, so that an event means the same in every process and file."""

Source = Literal["caller", "line", "wire", "server", "runtime", "world"]


def sources() -> tuple[str, ...]:
    """The names that ``TraceEvent.src`` may have."""
    return get_args(Source)


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One event.

    Args:
        t_ns: Nanoseconds since the start of the run, on the run's clock.
        seq: Orders events of the same instant; unique in a call.
        call: The call that it belongs to.
        src: Which layer saw it.
        kind: What happened, such as ``"tool_call"``.
        data: The details, plain JSON types.
    """

    t_ns: int
    seq: int
    call: str
    src: Source
    kind: str
    data: Mapping[str, Json] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Source and kind in one word, such as ``"server.tool_call"``."""
        return f"{self.src}.{self.kind}"
