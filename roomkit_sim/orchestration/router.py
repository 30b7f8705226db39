"""Routes the events of a room to the agent that is in charge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from roomkit_sim.core.event_router import ALWAYS_PROCESS, GREETING_CUE, ROUTED_TO
from roomkit_sim.core.room_context import current_room_id
from roomkit_sim.core.stream_policy import LETS_STREAMS_PASS
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.enums import ChannelCategory, ChannelType, HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.orchestration.decisions import HUMAN, in_human_hands
from roomkit_sim.orchestration.state import ConversationState, get_conversation_state

if TYPE_CHECKING:
    from roomkit_sim.channels.ai import AIChannel
    from roomkit_sim.core.framework import RoomKit
    from roomkit_sim.orchestration.handler import HandoffHandler

__all__ = ["NOBODY", "ConversationRouter", "RoutingConditions", "RoutingRule"]

NOBODY = "_none_"
"""Stands in the routing metadata of an event that no agent may react to."""

ESCALATION_CHANNEL = "escalation_channel"
"""Context key of a conversation that goes on in another channel: its id."""

Condition = Callable[[RoomEvent, RoomContext, ConversationState], bool]


class RoutingConditions(BaseModel):
    """When a rule applies: every condition that is given must hold; an empty set never does."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    phases: set[str] | None = None
    channel_types: set[ChannelType] | None = None
    intents: set[str] | None = None
    source_channel_ids: set[str] | None = None
    custom: Condition | None = Field(default=None, exclude=True)

    def hold(self, event: RoomEvent, context: RoomContext, state: ConversationState) -> bool:
        """Whether all of them hold."""
        return (
            (self.phases is None or state.phase in self.phases)
            and (self.channel_types is None or event.source.channel_type in self.channel_types)
            and (self.intents is None or event.metadata.get("intent") in self.intents)
            and (self.source_channel_ids is None or event.source.channel_id in self.source_channel_ids)
            and (self.custom is None or self.custom(event, context, state))
        )


class RoutingRule(BaseModel):
    """Conditions and the agent that they lead to; lower priorities are looked at first."""

    model_config = ConfigDict(extra="forbid")

    agent_id: str
    conditions: RoutingConditions = Field(default_factory=RoutingConditions)
    priority: int = 0


class ConversationRouter:
    """Chooses the agent for an event.

    Args:
        rules: Looked at by ascending priority, in the given order at a tie.
        default_agent_id: Answers when no rule applies.
        supervisor_id: Sees every event besides the agent in charge.
    """

    def __init__(
        self,
        rules: Sequence[RoutingRule] | None = None,
        default_agent_id: str | None = None,
        supervisor_id: str | None = None,
    ) -> None:
        self.rules = sorted(rules or (), key=lambda rule: rule.priority)
        self.default_agent_id = default_agent_id
        self.supervisor_id = supervisor_id
        self.seed_state: Callable[[str], Awaitable[ConversationState]] | None = None
        """Gives a room its orchestration state, with the agent that its phase asks for; a pipeline sets it."""
        self._kit: RoomKit | None = None

    def select_agent(self, event: RoomEvent, context: RoomContext, state: ConversationState) -> str | None:
        """The agent that answers an event, or ``None``.

        An agent's own words are answered by none, and none answers in a conversation that a person has taken over.
        Then: the agent in charge while it is in the room, the first rule that applies, the default.
        """
        if _is_from_intelligence(event, context) or in_human_hands(state):
            return None
        sticky = self._sticky(context, state)
        if sticky is not None:
            return sticky
        for rule in self.rules:
            if rule.conditions.hold(event, context, state):
                return rule.agent_id
        return self.default_agent_id

    def as_hook(self) -> Callable[[RoomEvent, RoomContext], Awaitable[HookResult]]:
        """The BEFORE_BROADCAST hook that stamps routing metadata on events.

        Wherever it is registered, its failure fails closed (:meth:`fail_closed`).
        """

        async def conversation_router(event: RoomEvent, context: RoomContext) -> HookResult:
            current_room_id.set(event.room_id)
            state = get_conversation_state(context.room)
            if self.seed_state is not None:
                state = await self.seed_state(event.room_id)
            agent_id = self.select_agent(event, context, state)
            news = self._news(event, context, agent_id, state)
            if self._kit is not None and news is not None:
                await self._kit.emit_framework_event("agent_routed", room_id=event.room_id, data=news)
            return self._route(event, context, agent_id, state)

        conversation_router.on_failure = self.fail_closed  # type: ignore[attr-defined]
        setattr(conversation_router, LETS_STREAMS_PASS, True)
        return conversation_router

    def fail_closed(self, event: RoomEvent, context: RoomContext, error: BaseException) -> HookResult:
        """Decides when routing itself failed: the agent in charge, or the default, and never all of them."""
        current_room_id.set(event.room_id)
        state = get_conversation_state(context.room)
        if _is_from_intelligence(event, context) or in_human_hands(state):
            return self._route(event, context, None, state)
        fallback = self._sticky(context, state) or self.default_agent_id or NOBODY
        news = self._news(event, context, fallback, state)
        if self._kit is not None and news is not None:
            emission = self._kit.emit_framework_event("agent_routed", room_id=event.room_id, data=news)
            self._kit.background.spawn(emission, name="report a route")
        return self._route(event, context, fallback, state)

    def register(self, kit: RoomKit, hook_priority: int = -100) -> None:
        """Register the hook with a kit, which is then told where events are routed (``agent_routed``)."""
        self._kit = kit
        kit.hook(HookTrigger.BEFORE_BROADCAST, execution=HookExecution.SYNC, priority=hook_priority)(self.as_hook())

    def install(
        self,
        kit: RoomKit,
        agents: Sequence[AIChannel],
        *,
        agent_aliases: dict[str, str] | None = None,
        phase_map: dict[str, str] | None = None,
        hook_priority: int = -100,
    ) -> HandoffHandler:
        """Wire routing and handoff in one call, without a pipeline's constraints.

        Returns:
            The handler, for further customisation.

        Raises:
            ConfigurationError: An agent has a handoff tool already; nothing was changed.
        """
        from roomkit_sim.orchestration.handler import HandoffHandler
        from roomkit_sim.orchestration.setup import require_without_handoff, setup_handoff

        require_without_handoff(agents)
        handler = HandoffHandler(kit, self, agent_aliases=agent_aliases, phase_map=phase_map)
        handler.agents = {agent.channel_id: agent for agent in agents}
        for agent in agents:
            setup_handoff(agent, handler)
        self.register(kit, hook_priority)
        return handler

    def _sticky(self, context: RoomContext, state: ConversationState) -> str | None:
        active = state.active_agent_id
        return active if active is not None and context.get_binding(active) is not None else None

    def _route(
        self, event: RoomEvent, context: RoomContext, agent_id: str | None, state: ConversationState
    ) -> HookResult:
        silent = _is_from_intelligence(event, context) or in_human_hands(state)
        if agent_id is None and not silent:
            return HookResult.allow()
        always: list[str] = []
        if self.supervisor_id is not None and not silent and not event.metadata.get(GREETING_CUE):
            always = [self.supervisor_id]
        stamp: dict[str, Any] = {ROUTED_TO: agent_id or NOBODY, ALWAYS_PROCESS: always}
        changes: dict[str, Any] = {"metadata": {**event.metadata, **stamp}}
        escalated_to = state.context.get(ESCALATION_CHANNEL)
        if escalated_to is not None and event.response_visibility is None:
            changes["response_visibility"] = ",".join([escalated_to, *_intelligences(context)])
        return HookResult.modify(event.model_copy(update=changes))

    def _news(
        self, event: RoomEvent, context: RoomContext, agent_id: str | None, state: ConversationState
    ) -> dict[str, Any] | None:
        """What ``agent_routed`` tells: at the first routing in a room, and then whenever somebody else answers."""
        taken_over = in_human_hands(state)
        answers = agent_id is not None and context.get_binding(agent_id) is not None
        if _is_from_intelligence(event, context) or not (taken_over or answers):
            return None
        routed_to = NOBODY if taken_over else agent_id
        before = last_route(context)
        if routed_to == before:
            return None
        why = "session_start" if before is None else "handoff" if taken_over or self._sticky(context, state) else "rule"
        return {"agent": HUMAN if taken_over else agent_id, "why": why}


def last_route(context: RoomContext) -> str | None:
    """To whom the newest message of a person was routed; ``None`` when none was routed yet."""
    for event in reversed(context.recent_events):
        routed_to = event.metadata.get(ROUTED_TO)
        if routed_to is not None and not _is_from_intelligence(event, context):
            return str(routed_to)
    return None


def _intelligences(context: RoomContext) -> list[str]:
    return [binding.channel_id for binding in context.bindings if binding.category is ChannelCategory.INTELLIGENCE]


def _is_from_intelligence(event: RoomEvent, context: RoomContext) -> bool:
    binding = context.get_binding(event.source.channel_id)
    return binding is not None and binding.category is ChannelCategory.INTELLIGENCE
