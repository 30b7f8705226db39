"""The scripted mind of a fake provider: personas, found by the instructions of a session, and their rules."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from roomkit_sim.sim.scenario.strict import Strict

__all__ = ["Latency", "Persona", "Rule", "Trigger"]

Trigger = Literal["asked_to_speak", "connected", "resumed", "tool_result"]


class Rule(Strict):
    """What a persona does when something happens.

    Exactly one of ``hears`` and ``on`` is given. The first rule that matches and is not used up is taken.

    Args:
        hears: The id of an utterance of the caller, or ``unknown``.
        on: ``asked_to_speak``: the client sent a text turn; ``connected`` / ``resumed``: the session began, fresh / by
            a handle; ``tool_result``: the client answered a tool call.
        contains: With ``on: asked_to_speak`` or ``tool_result``: only if the text (the result as JSON) contains this.
        calls: Tool name to arguments.
        says: What the persona then speaks.
        waits_ms: Milliseconds of thinking, on top of the latency block's.
        times: How often the rule may be used; unlimited when absent.
        hallucinate: Allow a call that the session does not declare, or arguments that its schema does not allow.
    """

    hears: str | None = None
    on: Trigger | None = None
    contains: str | None = None
    calls: dict[str, dict[str, Any]] = Field(default_factory=dict)
    says: str | None = None
    waits_ms: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, gt=0)
    hallucinate: bool = False

    @model_validator(mode="after")
    def _one_condition(self) -> Rule:
        if (self.hears is None) == (self.on is None):
            raise ValueError("a rule needs exactly one of 'hears' and 'on'")
        if self.contains is not None and self.on not in ("asked_to_speak", "tool_result"):
            raise ValueError("'contains' goes with 'on: asked_to_speak' or 'on: tool_result'")
        return self


class Persona(Strict):
    """One character of the model.

    Args:
        when: The persona is in charge of a session whose instructions contain this text, or match it if it is written
            ``/like this/``.
        agent: The id of the agent that this persona plays; ``agent-<persona name>`` when absent.
        rules: What it does, first match first.
    """

    when: str = Field(min_length=1)
    agent: str | None = None
    rules: tuple[Rule, ...] = ()

    @field_validator("when")
    @classmethod
    def _compiles(cls, value: str) -> str:
        if len(value) > 2 and value.startswith("/") and value.endswith("/"):
            try:
                re.compile(value[1:-1])
            except re.error as error:
                raise ValueError(f"{value} is not a regular expression: {error}") from error
        return value

    def matches(self, instructions: str) -> bool:
        """Whether this persona is in charge of a session with these instructions."""
        if len(self.when) > 2 and self.when.startswith("/") and self.when.endswith("/"):
            return re.search(self.when[1:-1], instructions) is not None
        return self.when in instructions


class Latency(Strict):
    """How long the fake provider takes, in milliseconds. A model of ours, not a measurement of any provider.

    Args:
        setup_ms: From the setup frame to its acknowledgement, for a fresh session.
        resume_ms: The same when a handle is resumed.
        hangover_ms: Silence after speech until the turn is committed.
        think_ms: From the committed turn (or tool result, or text turn) to the first thing that the model does.
        speak_ms: From the start of an answer to its first audio.
        handle_ms: From the end of a turn, or a tool result, to a fresh resumption handle.
        chunk_ms: Audio per frame.
        lead_ms: How far the server sends audio ahead of its real pace.
    """

    setup_ms: int = Field(default=80, ge=0)
    resume_ms: int = Field(default=150, ge=0)
    hangover_ms: int = Field(default=500, ge=100)
    think_ms: int = Field(default=250, ge=0)
    speak_ms: int = Field(default=150, ge=0)
    handle_ms: int = Field(default=30, ge=0)
    chunk_ms: int = Field(default=20, gt=0)
    lead_ms: int = Field(default=200, ge=0)
