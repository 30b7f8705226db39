"""What a fake service allows: how long, how many, and which of the optional things."""

from __future__ import annotations

from pydantic import Field, model_validator

from roomkit_sim.sim.scenario.strict import Strict

__all__ = ["Service"]


class Service(Strict):
    """The limits of a fake service. A model of ours, after what the services document; calls of minutes meet none.

    Args:
        connection_ms: How long one connection may last. Gemini documents about 10 minutes.
        go_away_ms: So long before its end a connection is told of it, where the protocol can.
        session_ms: How long a conversation of audio may last over all its connections, unless its context is
            compressed. Gemini documents 15 minutes.
        deadline_ms: After how much of a conversation the switch ``gemini.close_58_min`` strikes.
        sessions: How many connections may be set up at a time; unlimited when absent.
        context_update: Whether the model takes new instructions and tools inside a connection (Gemini's
            ``contextUpdate``).
        long_instructions: From how many characters on instructions are long for the switch
            ``gemini.resume_rejects_long_instructions``; the report names no number.
    """

    connection_ms: int = Field(default=600_000, gt=0)
    go_away_ms: int = Field(default=10_000, ge=0)
    session_ms: int = Field(default=900_000, gt=0)
    deadline_ms: int = Field(default=3_480_000, gt=0)
    sessions: int | None = Field(default=None, gt=0)
    context_update: bool = False
    long_instructions: int = Field(default=2_000, gt=0)

    @model_validator(mode="after")
    def _announced_while_it_lasts(self) -> Service:
        if "connection_ms" in self.model_fields_set and self.go_away_ms > self.connection_ms:
            raise ValueError("'go_away_ms' is longer than 'connection_ms': a connection cannot be told so early")
        return self
