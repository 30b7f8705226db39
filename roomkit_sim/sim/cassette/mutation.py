"""What a replay may do differently from the recording, to see how an application bears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from roomkit_sim.errors import ConfigurationError

__all__ = ["Change", "Mutation"]

Change: TypeAlias = Literal["drop", "delay", "repeat", "reorder", "truncate", "close"]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change.

    Args:
        do: ``drop``: the frame does not come. ``delay``: it comes later, and so does what comes after it, as TCP keeps
            the order. ``repeat``: it comes twice. ``reorder``: it changes places with the next. ``truncate``: it comes
            with the first half of its text. ``close``: the connection is closed in its place.
        conn: On which connection of the cassette, from 1.
        frame: At which frame of the server on it, from 1, audio included.
        delay_ms: Of ``delay``.
        code: Of ``close``: what its close frame says; 1006 is none, TCP just ends.
        reason: Of ``close``.

    Raises:
        ConfigurationError: It is none.
    """

    do: Change
    conn: int
    frame: int
    delay_ms: float = 0.0
    code: int = 1011
    reason: str = ""

    def __post_init__(self) -> None:
        if self.conn < 1 or self.frame < 1:
            raise ConfigurationError(f"{self}: connections and frames are counted from 1")
        if (self.do == "delay") != (self.delay_ms > 0):
            raise ConfigurationError(f"{self}: a positive delay_ms belongs to 'delay', and to nothing else")

    def __str__(self) -> str:
        detail = {"delay": f" by {self.delay_ms:g} ms", "close": f" with {self.code}"}.get(self.do, "")
        return f"{self.do} at server frame {self.frame} of connection {self.conn}{detail}"
