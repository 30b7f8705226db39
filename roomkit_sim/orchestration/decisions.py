"""May this agent hand the conversation to that one, and if not, why not?

Functions of what is known; nothing is changed here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from roomkit_sim.orchestration.graph import StageGraph
from roomkit_sim.orchestration.state import ConversationState

__all__ = [
    "ESCALATIONS",
    "HUMAN",
    "Accepted",
    "Decision",
    "Refused",
    "Surroundings",
    "decide_handoff",
    "in_human_hands",
    "readable",
    "resolve_target",
]

HUMAN = "human"
ESCALATIONS = ("same", "voice", "email", "sms")
FALLBACK_PHASE = "handling"
IN_HUMAN_HANDS = "handed_to_human"
"""Context key of a conversation that a person has taken over."""


@dataclass(frozen=True)
class Surroundings:
    """What a decision must know besides the state.

    Args:
        agents: Ids that can take a conversation over, in a stable order.
        aliases: Other names of agents.
        graph: The pipeline; ``None`` where every agent may hand over to every other.
        phase_map: Without a pipeline: agent to the phase that it brings.
        allowed_transitions: Without a pipeline: phase to the phases that may follow; ``None`` allows all.
        default_agent_id: In charge of a conversation that has no agent yet.
        channel_types: Types of the channels in the room, for escalations.
    """

    agents: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    graph: StageGraph | None = None
    phase_map: Mapping[str, str] = field(default_factory=dict)
    allowed_transitions: Mapping[str, Set[str]] | None = None
    default_agent_id: str | None = None
    channel_types: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Accepted:
    """The handoff may happen.

    Args:
        to_agent: Who takes over; ``None`` is a person.
        to_phase: The phase that begins.
        reason: The model's reason.
        summary: The model's summary.
        escalation: Another kind of channel to go on with, or ``"same"``.
    """

    to_agent: str | None
    to_phase: str
    reason: str
    summary: str
    escalation: str = "same"

    @property
    def target(self) -> str:
        """Who takes over, with ``human`` for a person."""
        return self.to_agent or HUMAN


@dataclass(frozen=True)
class Refused:
    """The handoff must not happen.

    Args:
        target: Whom the model asked for, resolved as far as possible.
        reason: Why not, and what the model can do instead.
    """

    target: str
    reason: str


Decision: TypeAlias = Accepted | Refused


@dataclass(frozen=True)
class _Request:
    caller: str
    target: str
    next_phase: str | None
    reason: str
    summary: str
    escalation: str | None


def in_human_hands(state: ConversationState) -> bool:
    """Whether a person has taken the conversation over, and nobody has set an agent since."""
    return bool(state.context.get(IN_HUMAN_HANDS)) and state.active_agent_id is None


def resolve_target(arguments: Mapping[str, Any], aliases: Mapping[str, str]) -> str:
    """The id that a tool call's ``target`` means; empty when it is missing."""
    text = _text(arguments.get("target"))
    return aliases.get(text, text)


def decide_handoff(
    arguments: Mapping[str, Any], calling_agent_id: str, state: ConversationState, around: Surroundings
) -> Decision:
    """Decide on one tool call.

    Args:
        arguments: Of the tool call, as the model wrote them.
        calling_agent_id: The agent whose model wrote them.
        state: Where the conversation stands.
        around: What else must be known.
    """
    request = _Request(
        caller=calling_agent_id,
        target=resolve_target(arguments, around.aliases),
        next_phase=_text(arguments.get("next_phase")) or None,
        reason=_text(arguments.get("reason")),
        summary=_text(arguments.get("summary")),
        escalation=_text(arguments.get("channel_escalation")) or None,
    )
    for check in _CHECKS:
        reason = check(request, state, around)
        if reason is not None:
            return Refused(request.target, reason)
    return _accepted(request, state, around)


def readable(text: str) -> str:
    """The text without what no encoding or provider takes: lone surrogates, and control characters but line breaks."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def _text(value: Any) -> str:
    return readable(value).strip() if isinstance(value, str) else ""


def _accepted(request: _Request, state: ConversationState, around: Surroundings) -> Accepted:
    escalation = request.escalation or "same"
    if request.target == HUMAN:
        return Accepted(None, state.phase, request.reason, request.summary, escalation)
    phase = _phase_of(request, state, around)
    return Accepted(request.target, phase, request.reason, request.summary, escalation)


def _phase_of(request: _Request, state: ConversationState, around: Surroundings) -> str:
    if request.next_phase is not None:
        return request.next_phase
    if around.graph is not None:
        return around.graph.phase_for(request.target, state.phase) or FALLBACK_PHASE
    return around.phase_map.get(request.target, FALLBACK_PHASE)


Check: TypeAlias = Callable[[_Request, ConversationState, Surroundings], str | None]


def _target_is_given(request: _Request, state: ConversationState, around: Surroundings) -> str | None:
    if request.target:
        return None
    return f"'target' is missing: name one of {', '.join(_choices(request, around))}"


def _caller_is_in_charge(request: _Request, state: ConversationState, around: Surroundings) -> str | None:
    if in_human_hands(state):
        return "a person has taken the conversation over: no agent can hand it on"
    in_charge = state.active_agent_id or around.default_agent_id
    if in_charge is None or request.caller == in_charge:
        return None
    return f"agent {request.caller!r} is not in charge of the conversation, {in_charge!r} is: nothing was changed"


def _target_is_another(request: _Request, state: ConversationState, around: Surroundings) -> str | None:
    if request.target != request.caller:
        return None
    return "the conversation is with you already: answer the caller yourself"


def _target_exists(request: _Request, state: ConversationState, around: Surroundings) -> str | None:
    if request.target == HUMAN or request.target in around.agents:
        return None
    return f"agent {request.target!r} not found in room: choose one of {', '.join(_choices(request, around))}"


def _escalation_is_possible(request: _Request, state: ConversationState, around: Surroundings) -> str | None:
    wanted = request.escalation
    if wanted is None or wanted == "same":
        return None
    if wanted not in ESCALATIONS:
        return f"unknown channel_escalation {wanted!r}: use one of {', '.join(ESCALATIONS)}"
    if wanted in around.channel_types:
        return None
    return f"there is no {wanted} channel in this conversation: use channel_escalation 'same'"


def _phase_belongs_to_target(request: _Request, state: ConversationState, around: Surroundings) -> str | None:
    if around.graph is None or request.next_phase is None or request.target == HUMAN:
        return None
    owned = around.graph.phases_of(request.target)
    if request.next_phase in owned:
        return None
    return f"phase {request.next_phase!r} does not belong to {request.target!r}, whose phases are {', '.join(owned)}"


def _transition_is_legal(request: _Request, state: ConversationState, around: Surroundings) -> str | None:
    if request.target == HUMAN:
        return None
    allowed = around.graph.transitions() if around.graph is not None else around.allowed_transitions
    if allowed is None:
        return None
    phase = _phase_of(request, state, around)
    possible = allowed.get(state.phase, set())
    if phase in possible:
        return None
    instead = (
        f"from {state.phase!r} you can go to {', '.join(sorted(possible))}" if possible else "this is the last phase"
    )
    return f"Transition from {state.phase!r} to {phase!r} is not allowed: {instead}"


_CHECKS: tuple[Check, ...] = (
    _target_is_given,
    _caller_is_in_charge,
    _target_is_another,
    _target_exists,
    _escalation_is_possible,
    _phase_belongs_to_target,
    _transition_is_legal,
)


def _choices(request: _Request, around: Surroundings) -> list[str]:
    if around.graph is not None:
        reachable = list(around.graph.targets(request.caller))
    else:
        reachable = [agent for agent in around.agents if agent != request.caller]
    return [*reachable, HUMAN]
