"""What a scenario expects of a call."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from roomkit_sim.sim.scenario.strict import Strict
from roomkit_sim.sim.trace.route import HUMAN

__all__ = ["Budget", "Expectation", "HandoffExpectation", "TranscriptExpectation"]


class Budget(Strict):
    """Upper limits on the latencies of one handoff, in milliseconds (metric set v2)."""

    ear_ms: float | None = Field(default=None, gt=0)
    gap_ms: float | None = Field(default=None, gt=0)
    decide_ms: float | None = Field(default=None, gt=0)
    legality_ms: float | None = Field(default=None, gt=0)
    commit_ms: float | None = Field(default=None, gt=0)
    teardown_ms: float | None = Field(default=None, gt=0)
    reconnect_ms: float | None = Field(default=None, gt=0)
    rehydrate_ms: float | None = Field(default=None, gt=0)
    first_voice_ms: float | None = Field(default=None, gt=0)
    split_brain_ms: float | None = Field(default=None, gt=0)

    def limits(self) -> dict[str, float]:
        """The limits that are set: column name (such as ``"ear_ms"``) to milliseconds."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class HandoffExpectation(Strict):
    """One requested handoff, in order.

    Args:
        from_: The agent that asks for it.
        to: The target as the runtime resolved it; for a refused one, the target that was asked for.
        accepted: Whether it must be accepted.
        reason: For a refused one: a text that the reason must contain.
        completes: Whether the new agent must be heard by the caller afterwards; true for agents, false for ``human``.
        budget: Limits on its latencies.
    """

    from_: str = Field(alias="from")
    to: str
    accepted: bool = True
    reason: str | None = None
    completes: bool = True
    budget: Budget = Budget()

    @model_validator(mode="before")
    @classmethod
    def _people_are_not_heard(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("to") == HUMAN:
            return {"completes": False, **value}
        return value

    @model_validator(mode="after")
    def _reason_is_of_a_refusal(self) -> HandoffExpectation:
        if self.accepted and self.reason is not None:
            raise ValueError("'reason' goes with 'accepted: false'")
        return self


class TranscriptExpectation(Strict):
    """Something that was said, as the caller's client is told it. Exactly one of the two is given.

    Args:
        caller: The id of an utterance of the caller, whose words must be the whole of it.
        agent: A text that the agent's words must contain.
    """

    caller: str | None = None
    agent: str | None = None

    @model_validator(mode="after")
    def _one_speaker(self) -> TranscriptExpectation:
        if (self.caller is None) == (self.agent is None):
            raise ValueError("a transcript is one of 'caller' and 'agent'")
        return self


class Expectation(Strict):
    """What must be true of a call.

    Args:
        route: The agents that were in charge, one after the other.
        phases: The phases, one after the other.
        handoffs: Every handoff that was requested, accepted or not.
        heard: Ids of the caller's utterances in the order in which the server understood them; ``unknown`` for speech
            that it must not understand. Not checked when absent.
        transcripts: What the caller's client is told that was said, each utterance when it is final, in order. Not
            checked when absent.
        yields_within_ms: An agent whom the caller speaks over falls silent within this time. The caller must speak over
            one at least once, or the scenario proves nothing.
        waive: Finding code to the reason why it may appear here.
    """

    route: tuple[str, ...] | None = None
    phases: tuple[str, ...] | None = None
    handoffs: tuple[HandoffExpectation, ...] | None = None
    heard: tuple[str, ...] | None = None
    transcripts: tuple[TranscriptExpectation, ...] | None = None
    yields_within_ms: int | None = Field(default=None, gt=0)
    waive: dict[str, str] = Field(default_factory=dict)
