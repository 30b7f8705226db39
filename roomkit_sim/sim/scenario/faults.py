"""What can go wrong in a call, and when: one model for each kind of fault."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from roomkit_sim.sim.scenario.event_names import EventName, check_message_name
from roomkit_sim.sim.scenario.strict import Strict, nearest
from roomkit_sim.sim.scenario.switches import SWITCHES
from roomkit_sim.sim.trace.handoff_stages import STAGES

__all__ = [
    "FAULTS",
    "AfterEvent",
    "AtFrame",
    "Close",
    "Corrupt",
    "Cut",
    "Drop",
    "Duplicate",
    "Fault",
    "Flip",
    "GoAway",
    "MessageFault",
    "Moment",
    "Refuse",
    "Reorder",
    "Slow",
    "Stall",
]

Direction = Literal["up", "down", "both"]
"""``up`` is towards the provider."""


class AtFrame(Strict):
    """A WebSocket message of a connection.

    Args:
        direction: ``down``: of those that the server sends; ``up``: of those that the client sends.
        n: Which, counted from 1; with ``name``, of those with this name.
        conn: The connection, counted from 1 in the order of dialling; any when absent, each counted for itself.
        name: As in the trace, such as ``setupComplete`` or ``serverContent.modelTurn``.
    """

    direction: Literal["up", "down"] = "down"
    n: int = Field(default=1, ge=1)
    conn: int | None = Field(default=None, ge=1)
    name: str | None = None

    @field_validator("name")
    @classmethod
    def _is_a_message(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or "direction" not in info.data:
            return value
        return check_message_name(value, info.data["direction"])


class AfterEvent(Strict):
    """An event of the trace.

    Args:
        event: Its name, such as ``runtime.handoff_decided``.
        nth: Which of them, counted from 1.
    """

    event: EventName
    nth: int = Field(default=1, ge=1)


def _event_alone(value: Any) -> Any:
    return {"event": value} if isinstance(value, str) else value


class Moment(Strict):
    """When something happens: exactly one of ``at_ms``, ``stage``, ``frame`` and ``after``.

    Args:
        at_ms: Milliseconds after the start of the run.
        stage: ``H0`` .. ``H11``: the moment in a handoff, as docs/latencies.md defines it.
        handoff: The number of that handoff, counted from 1.
        frame: When a message passes. A fault of messages strikes this one, any other fault comes right after it.
        after: Right after an event of the trace; its name alone is the first of its kind.
        delay_ms: So much later than that.
    """

    at_ms: int | None = Field(default=None, ge=0)
    stage: str | None = None
    handoff: int = Field(default=1, ge=1)
    frame: AtFrame | None = None
    after: Annotated[AfterEvent, BeforeValidator(_event_alone)] | None = None
    delay_ms: int = Field(default=0, ge=0)

    @field_validator("stage")
    @classmethod
    def _is_a_stage(cls, value: str | None) -> str | None:
        if value is not None and value not in STAGES:
            raise ValueError(f"{value!r} is no stage of a handoff: {nearest(value, STAGES)}")
        return value

    @model_validator(mode="after")
    def _one_moment(self) -> Moment:
        given = [name for name in ("at_ms", "stage", "frame", "after") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("a fault needs exactly one of 'at_ms', 'stage', 'frame' and 'after'")
        if self.stage is None and "handoff" in self.model_fields_set:
            raise ValueError(f"'handoff' goes with 'stage', not with {given[0]!r}")
        if self.at_ms is not None and self.delay_ms:
            raise ValueError("'delay_ms' goes with 'stage', 'frame' and 'after': add it to 'at_ms'")
        return self

    def concerns(self, provider: str) -> bool:
        """Whether it can happen to a service of this provider (``gemini-live``, ``openai-realtime``)."""
        return True

    @property
    def when(self) -> str:
        """The moment, for people."""
        delay = f" + {self.delay_ms} ms" if self.delay_ms else ""
        if self.stage is not None:
            return f"{self.stage} of handoff {self.handoff}{delay}"
        if self.frame is not None:
            name = f" {self.frame.name}" if self.frame.name else ""
            conn = f" of connection {self.frame.conn}" if self.frame.conn else ""
            return f"{self.frame.direction} frame {self.frame.n}{name}{conn}{delay}"
        if self.after is not None:
            return f"{self.after.event} {self.after.nth}{delay}"
        return f"{self.at_ms} ms"


class GoAway(Moment):
    """The server announces that it will close the connection, where its protocol can, and closes it.

    Args:
        do: ``go_away``.
        time_left_ms: So long after the announcement.
    """

    do: Literal["go_away"] = "go_away"
    time_left_ms: int = Field(default=5_000, ge=0)


class Cut(Moment):
    """The connection ends without a close frame.

    Args:
        do: ``cut``.
        how: ``reset``: both ends see a reset; ``close``: the server's end of TCP is closed in order; ``silent``:
            nothing arrives any more, and nobody is told.
        direction: With ``silent``: which way nothing arrives.
    """

    do: Literal["cut"] = "cut"
    how: Literal["reset", "close", "silent"] = "reset"
    direction: Direction = "both"

    @model_validator(mode="after")
    def _half_open(self) -> Cut:
        if self.direction != "both" and self.how != "silent":
            raise ValueError("'direction' goes with 'how: silent'")
        return self


class Close(Moment):
    """The server closes the connection with a close frame.

    Args:
        do: ``close``.
        code: The code.
        reason: The text.
    """

    do: Literal["close"] = "close"
    code: int = Field(default=1011, ge=1000, le=4999)
    reason: str = Field(default="", max_length=120)


class Stall(Moment):
    """Nothing arrives for a while; then all of it, in order.

    Args:
        do: ``stall``.
        ms: How long.
        direction: Which way.
    """

    do: Literal["stall"] = "stall"
    ms: int = Field(default=3_000, gt=0)
    direction: Direction = "both"


class Slow(Moment):
    """The link is slow for a while. In simulated time only.

    Args:
        do: ``slow``.
        ms: How long.
        latency_ms: So much longer every segment takes.
        kbps: No more kilobits per second pass; no limit when absent.
        direction: Which way.
    """

    do: Literal["slow"] = "slow"
    ms: int = Field(default=5_000, gt=0)
    latency_ms: int = Field(default=300, ge=0)
    kbps: float | None = Field(default=None, gt=0)
    direction: Direction = "both"


class MessageFault(Moment):
    """Something is wrong with the next messages of the server.

    Args:
        count: With how many.
    """

    count: int = Field(default=1, ge=1)


class Drop(MessageFault):
    """A message never arrives."""

    do: Literal["drop"] = "drop"


class Duplicate(MessageFault):
    """A message arrives twice."""

    do: Literal["duplicate"] = "duplicate"


class Reorder(MessageFault):
    """A message arrives after the one that follows it; not at all if none follows."""

    do: Literal["reorder"] = "reorder"


class Corrupt(MessageFault):
    """A message arrives damaged.

    Args:
        do: ``corrupt``.
        how: ``no_json``: other text in its place; ``truncated``: its first half; ``bad_frame``: a frame that WebSocket
            does not know, on which the client has to end the connection.
    """

    do: Literal["corrupt"] = "corrupt"
    how: Literal["no_json", "truncated", "bad_frame"] = "no_json"


class Refuse(Moment):
    """The next connections are not made.

    Args:
        do: ``refuse``.
        how: ``dns``: the name is not found; ``refused``: nobody listens; a number: the HTTP status that answers the
            WebSocket upgrade.
        times: How many dials.
    """

    do: Literal["refuse"] = "refuse"
    how: Literal["dns", "refused", 401, 403, 429, 503] = "refused"
    times: int = Field(default=1, ge=1)


class Flip(Moment):
    """The service begins to misbehave.

    Args:
        do: ``flip``.
        switch: The misbehaviour; docs/misbehaviours.md lists them.
        for_ms: It stops after this long.
        uses: It stops when it has happened so often.
    """

    do: Literal["flip"] = "flip"
    switch: str
    for_ms: int | None = Field(default=None, gt=0)
    uses: int | None = Field(default=None, gt=0)

    @field_validator("switch")
    @classmethod
    def _is_a_switch(cls, value: str) -> str:
        if value not in SWITCHES:
            raise ValueError(f"unknown switch {value!r}: {nearest(value, SWITCHES)}")
        return value

    def concerns(self, provider: str) -> bool:
        """Whether its service has the switch."""
        return SWITCHES[self.switch].concerns(provider)


FAULTS: dict[str, type[Moment]] = {
    kind.model_fields["do"].default: kind
    for kind in (Cut, Close, GoAway, Stall, Slow, Drop, Duplicate, Reorder, Corrupt, Refuse, Flip)
}
"""What ``do`` says to what it means."""


def _kind(value: Any) -> str | None:
    do = value.get("do") if isinstance(value, dict) else getattr(value, "do", None)
    return do if isinstance(do, str) else None


Fault: TypeAlias = Annotated[
    Annotated[Cut, Tag("cut")]
    | Annotated[Close, Tag("close")]
    | Annotated[GoAway, Tag("go_away")]
    | Annotated[Stall, Tag("stall")]
    | Annotated[Slow, Tag("slow")]
    | Annotated[Drop, Tag("drop")]
    | Annotated[Duplicate, Tag("duplicate")]
    | Annotated[Reorder, Tag("reorder")]
    | Annotated[Corrupt, Tag("corrupt")]
    | Annotated[Refuse, Tag("refuse")]
    | Annotated[Flip, Tag("flip")],
    Discriminator(
        _kind,
        custom_error_type="unknown_fault",
        custom_error_message=f"a fault says what it does: 'do' is one of {', '.join(FAULTS)}",
    ),
]
"""A fault of any kind."""
