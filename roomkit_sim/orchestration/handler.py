"""Carries out handoffs: decides under the room's lock, stores and announces the change, then lets it take effect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from roomkit_sim.core.cancellation import cancelled_only_from_outside, to_the_end
from roomkit_sim.core.event_router import GREETING_CUE
from roomkit_sim.models.channel import ChannelBinding
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import ChannelCategory, ChannelType, EventStatus, EventType, HookTrigger
from roomkit_sim.models.event import EventSource, RoomEvent, TextContent
from roomkit_sim.models.room import Room
from roomkit_sim.orchestration.decisions import (
    HUMAN,
    IN_HUMAN_HANDS,
    Accepted,
    Decision,
    Refused,
    Surroundings,
    decide_handoff,
    in_human_hands,
    readable,
)
from roomkit_sim.orchestration.graph import StageGraph
from roomkit_sim.orchestration.models import HandoffResult
from roomkit_sim.orchestration.notices import continuation, failure_notice, handoff_notice
from roomkit_sim.orchestration.prompts import in_language
from roomkit_sim.orchestration.router import ESCALATION_CHANNEL, ConversationRouter
from roomkit_sim.orchestration.state import (
    ConversationState,
    get_conversation_state,
    has_conversation_state,
    set_conversation_state,
)

if TYPE_CHECKING:
    from roomkit_sim.channels.agent import Agent
    from roomkit_sim.channels.ai import AIChannel
    from roomkit_sim.core.framework import RoomKit
    from roomkit_sim.orchestration.realtime_switch import RealtimeSwitch

__all__ = ["HandoffHandler", "PreparedHandoff"]

OnComplete: TypeAlias = Callable[[str, HandoffResult], Awaitable[None]]

_VOICE_TYPES = (ChannelType.VOICE.value, ChannelType.REALTIME_VOICE.value)
_HANDOFF_KEYS = (
    "handoff_summary",
    "handoff_from",
    "handoff_reason",
    "handoff_to",
    ESCALATION_CHANNEL,
    IN_HUMAN_HANDS,
)
_GRACE_SECONDS = 30.0
"""For a handoff whose caller is cancelled to take effect: as long as a hook may take."""
TRANSFERRED = "The conversation was transferred. Do not respond: the receiving agent speaks next."


@dataclass(frozen=True)
class PreparedHandoff:
    """A handoff that is decided and stored, and has not taken effect yet.

    Args:
        room_id: The room.
        from_agent: Who asked.
        decision: What was decided.
        before: The state before.
        after: The state now; the same object as ``before`` for a refused handoff.
        result: What the model is told.
    """

    room_id: str
    from_agent: str
    decision: Decision
    before: ConversationState
    after: ConversationState
    result: HandoffResult


class HandoffHandler:
    """Processes the handoff tool's calls.

    Args:
        kit: The kit whose rooms are meant.
        router: Knows the default agent.
        agent_aliases: Other names of agents, resolved once.
        phase_map: Agent to the phase that it brings.
        allowed_transitions: Phase to the phases that may follow; ``None`` allows all.
        known_agents: Agents that need not be attached to the room.
        on_handoff_complete: Called after an accepted handoff has taken effect.
        event_channel_id: In whose name handoffs are announced; the calling agent when absent.
        graph: The pipeline's stages; takes the place of ``phase_map`` and ``allowed_transitions``.
    """

    def __init__(
        self,
        kit: RoomKit,
        router: ConversationRouter,
        agent_aliases: Mapping[str, str] | None = None,
        phase_map: Mapping[str, str] | None = None,
        allowed_transitions: Mapping[str, set[str]] | None = None,
        known_agents: Sequence[str] | set[str] | None = None,
        on_handoff_complete: OnComplete | None = None,
        event_channel_id: str | None = None,
        *,
        graph: StageGraph | None = None,
    ) -> None:
        self.on_handoff_complete = on_handoff_complete
        self.greeting_map: dict[str, str] = {}
        self.voice_channel_id: str | None = None
        self.agents: dict[str, AIChannel] = {}
        self.realtime: RealtimeSwitch | None = None
        self._kit = kit
        self._router = router
        self._aliases = dict(agent_aliases or {})
        self._phase_map = dict(phase_map or {})
        self._transitions = allowed_transitions
        self._known_agents = sorted(known_agents or ())
        self._event_channel_id = event_channel_id
        self._graph = graph

    @property
    def allowed_transitions(self) -> Mapping[str, set[str]] | None:
        """Phase to the phases that may follow it; ``None`` allows all."""
        return self._graph.transitions() if self._graph is not None else self._transitions

    @property
    def default_agent_id(self) -> str | None:
        """In charge of a conversation that has no agent yet."""
        return self._router.default_agent_id

    async def handle(self, room_id: str, calling_agent_id: str, arguments: Mapping[str, Any]) -> HandoffResult:
        """Process a handoff request: decide, store, announce, and let it take effect.

        A caller that is cancelled once the handoff is decided is so when it has taken effect, or after half a minute.

        Args:
            room_id: The room.
            calling_agent_id: The agent whose model called the tool.
            arguments: Of the call.
        """
        committed: list[PreparedHandoff] = []
        try:
            prepared = await self._accept(room_id, calling_agent_id, arguments, committed)
        except asyncio.CancelledError:
            for prepared in committed:
                await to_the_end(self.complete(prepared), grace_s=_GRACE_SECONDS)
            raise
        return await to_the_end(self.complete(prepared), grace_s=_GRACE_SECONDS)

    async def accept(self, room_id: str, calling_agent_id: str, arguments: Mapping[str, Any]) -> PreparedHandoff:
        """The first half: decide and, if accepted, store and announce the new state.

        This is one step under the room's lock, which the cancellation of the caller does not divide.
        """
        return await self._accept(room_id, calling_agent_id, arguments, [])

    async def _accept(
        self, room_id: str, calling_agent_id: str, arguments: Mapping[str, Any], committed: list[PreparedHandoff]
    ) -> PreparedHandoff:
        """:meth:`accept`; what has been stored is also in ``committed``, where a cancellation loses the result."""
        target = arguments.get("target")
        target = readable(target) if isinstance(target, str) else target
        await self._emit(room_id, "handoff_requested", from_agent=calling_agent_id, target=target)
        async with self._kit.lock_manager.locked(room_id):
            before = await self.ensure_state(room_id)
            bindings = await self._kit.store.list_bindings(room_id)
            around = self._surroundings(bindings)
            decision = self._unless_impossible(room_id, decide_handoff(arguments, calling_agent_id, before, around))
            await self._report_decision(room_id, calling_agent_id, before, decision)
            if isinstance(decision, Refused):
                result = HandoffResult(accepted=False, reason=decision.reason)
                return PreparedHandoff(room_id, calling_agent_id, decision, before, before, result)
            escalated_to = self._escalation_channel(decision.escalation, bindings)
            commit = self._commit(room_id, calling_agent_id, decision, before, escalated_to, committed)
            return await to_the_end(commit, grace_s=_GRACE_SECONDS)

    async def _commit(
        self,
        room_id: str,
        from_agent: str,
        decision: Accepted,
        before: ConversationState,
        escalated_to: str | None,
        committed: list[PreparedHandoff],
    ) -> PreparedHandoff:
        """Store and announce an accepted handoff, or neither."""
        after = _after(before, from_agent, decision, escalated_to)
        try:
            await self._store(room_id, after, "handoff")
            refused = await self._announced(room_id, from_agent, decision, escalated_to)
        except asyncio.CancelledError:
            # It took longer than the grace: nobody is left who lets the handoff take effect.
            await self._store(room_id, before, "rolled_back", reason="the handoff was cancelled")
            raise
        if refused is not None:
            await self._store(room_id, before, "rolled_back", reason=refused.reason)
            result = HandoffResult(accepted=False, reason=refused.reason)
            prepared = PreparedHandoff(room_id, from_agent, refused, before, before, result)
        else:
            result = HandoffResult(
                accepted=True, new_agent_id=decision.to_agent, new_phase=decision.to_phase, message=TRANSFERRED
            )
            prepared = PreparedHandoff(room_id, from_agent, decision, before, after, result)
        committed.append(prepared)
        return prepared

    async def _announced(
        self, room_id: str, from_agent: str, decision: Accepted, escalated_to: str | None
    ) -> Refused | None:
        """Tell the room; gives the refusal that the handoff becomes where that fails."""
        try:
            with cancelled_only_from_outside("announcing a handoff"):
                await self._announce(room_id, from_agent, handoff_notice(from_agent, decision))
                if escalated_to is not None:
                    await self._announce(room_id, from_agent, continuation(escalated_to))
        except Exception as error:
            return Refused(decision.target, f"the handoff could not be announced: {error}")
        return None

    async def complete(self, prepared: PreparedHandoff) -> HandoffResult:
        """The second half: hooks, and the switch of live sessions. A switch that fails is undone and reported."""
        decision = prepared.decision
        if isinstance(decision, Refused):
            await self._run_hooks(prepared, HookTrigger.ON_HANDOFF_REJECTED, decision.reason)
            return prepared.result
        await self._run_hooks(prepared, HookTrigger.ON_HANDOFF)
        await self._run_hooks(prepared, HookTrigger.ON_PHASE_TRANSITION)
        if self.realtime is not None:
            failure = await self.realtime.switch(prepared, decision)
            if failure is not None:
                return await self._undo(prepared, decision, failure)
        if self.on_handoff_complete is not None:
            await self.on_handoff_complete(prepared.room_id, prepared.result)
        return prepared.result

    async def ensure_state(self, room_id: str) -> ConversationState:
        """The room's state. A room that has none yet gets the default stage's phase and agent."""
        async with self._kit.lock_manager.locked(room_id):
            room = await self._kit.get_room(room_id)
            state = get_conversation_state(room)
            if has_conversation_state(room) or self._graph is None or self._graph.default_phase is None:
                return state
            seeded = state.model_copy(
                update={"phase": self._graph.default_phase, "active_agent_id": self._graph.default_agent()}
            )
            await self._store(room_id, seeded, "seeded", room)
            return seeded

    async def ensure_agent(self, room_id: str) -> ConversationState:
        """The room's state, with the owner of its phase in charge where the application has changed the phase alone.

        While a live session runs with the agent in charge, it stays: a session and the state name the same agent.
        """
        async with self._kit.lock_manager.locked(room_id):
            state = await self.ensure_state(room_id)
            if self._graph is None or in_human_hands(state):
                return state
            if self.realtime is not None and self.realtime.is_live(room_id):
                return state
            active = state.active_agent_id
            agent = self._graph.rightful_agent(state.phase, active)
            if agent == active:
                return state
            led = state.model_copy(
                update={"active_agent_id": agent, "previous_agent_id": active or state.previous_agent_id}
            )
            await self._store(room_id, led, "phase_owner")
            return led

    def get_room_language(self, room: Room, agent_id: str | None) -> str | None:
        """The language of a conversation: the room's own, else the agent's."""
        language = get_conversation_state(room).context.get("language")
        if language:
            return str(language)
        agent = self.agents.get(agent_id) if agent_id is not None else None
        return getattr(agent, "language", None)

    async def is_in_charge(self, room_id: str, agent_id: str) -> bool:
        """Whether an agent leads the conversation of a room; the default agent does until somebody else is set."""
        state = await self.ensure_agent(room_id)
        return not in_human_hands(state) and agent_id == (state.active_agent_id or self.default_agent_id)

    async def send_greeting(self, room_id: str, *, channel_id: str | None = None) -> None:
        """Let the agent in charge greet; nothing happens when it has no greeting.

        Args:
            room_id: The room.
            channel_id: The voice channel; that of ``install()`` when absent.
        """
        state = await self.ensure_state(room_id)
        channel_id = channel_id or self._event_channel_id or self.voice_channel_id
        greeting = self.greeting_map.get(state.active_agent_id or "")
        if not greeting or channel_id is None:
            return
        language = self.get_room_language(await self._kit.get_room(room_id), state.active_agent_id)
        text = in_language(greeting, language)
        if self.realtime is not None and self.realtime.serves(channel_id):
            await self.realtime.ask_to_speak(room_id, text)
            return
        cue = InboundMessage(
            channel_id=channel_id, sender_id="system", content=TextContent(body=text), metadata={GREETING_CUE: True}
        )
        await self._kit.process_inbound(cue, room_id=room_id)

    async def set_language(self, room_id: str, language: str, *, channel_id: str | None = None) -> None:
        """Change the language of a conversation; a live session gets the prompt in it, and keeps all else.

        Args:
            room_id: The room.
            language: Name or code.
            channel_id: The voice channel; that of ``install()`` when absent.
        """
        async with self._kit.lock_manager.locked(room_id):
            state = await self.ensure_state(room_id)
            await self._store(room_id, state.with_context(language=language), "language")
        if self.realtime is not None and self.realtime.serves(channel_id or self._event_channel_id):
            await self.realtime.refresh_prompt(room_id)

    async def _undo(self, prepared: PreparedHandoff, decision: Accepted, failure: str) -> HandoffResult:
        """Put the state back where the sessions are: with the agent before, if nobody moved on since."""
        room_id = prepared.room_id
        async with self._kit.lock_manager.locked(room_id):
            current = get_conversation_state(await self._kit.get_room(room_id))
            if current.phase_history == prepared.after.phase_history:
                await self._store(room_id, _rolled_back(current, prepared.before), "rolled_back", reason=failure)
            try:
                await self._announce(
                    room_id, prepared.from_agent, failure_notice(prepared.from_agent, decision, failure)
                )
            except Exception as error:
                await self._kit.report_error("announcing a failed handoff", error, room_id=room_id)
        await self._run_hooks(prepared, HookTrigger.ON_HANDOFF_REJECTED, failure)
        return HandoffResult(accepted=False, reason=failure)

    def _unless_impossible(self, room_id: str, decision: Decision) -> Decision:
        """A handoff that the live sessions cannot follow is refused before anything is changed."""
        if self.realtime is None or isinstance(decision, Refused):
            return decision
        obstacle = self.realtime.obstacle(room_id, decision)
        return decision if obstacle is None else Refused(decision.target, obstacle)

    def _surroundings(self, bindings: Sequence[ChannelBinding]) -> Surroundings:
        bound = [b.channel_id for b in bindings if b.category is ChannelCategory.INTELLIGENCE]
        agents = tuple(dict.fromkeys([*self._known_agents, *bound]))
        types = frozenset(b.channel_type.value for b in bindings)
        voice = types.intersection(_VOICE_TYPES)
        return Surroundings(
            agents=agents,
            aliases=self._aliases,
            graph=self._graph,
            phase_map=self._phase_map,
            allowed_transitions=self._transitions,
            default_agent_id=self.default_agent_id,
            channel_types=types | ({"voice"} if voice else set()),
        )

    def _escalation_channel(self, escalation: str, bindings: Sequence[ChannelBinding]) -> str | None:
        """The channel of the room on which an escalation goes on; ``None`` where the conversation is on it already."""
        types = _VOICE_TYPES if escalation == ChannelType.VOICE.value else (escalation,)
        found = next((binding.channel_id for binding in bindings if binding.channel_type.value in types), None)
        return None if found == self._event_channel_id else found

    async def _store(
        self, room_id: str, state: ConversationState, why: str, room: Room | None = None, reason: str | None = None
    ) -> None:
        room = room or await self._kit.get_room(room_id)
        await self._kit.store.update_room(set_conversation_state(room, state))
        await self._emit(
            room_id,
            "conversation_state",
            phase=state.phase,
            agent=HUMAN if in_human_hands(state) else state.active_agent_id,
            previous_agent=state.previous_agent_id,
            handoff_count=state.handoff_count,
            language=state.context.get("language"),
            why=why,
            **({} if reason is None else {"reason": reason}),
        )

    async def _announce(self, room_id: str, from_agent: str, notice: dict[str, Any]) -> None:
        await self._kit.send_event(room_id=room_id, channel_id=self._event_channel_id or from_agent, **notice)

    async def _report_decision(
        self, room_id: str, from_agent: str, before: ConversationState, decision: Decision
    ) -> None:
        accepted = isinstance(decision, Accepted)
        await self._emit(
            room_id,
            "handoff_decided",
            accepted=accepted,
            reason=decision.reason,
            from_agent=from_agent,
            to_agent=decision.target,
            from_phase=before.phase,
            to_phase=decision.to_phase if isinstance(decision, Accepted) else None,
        )

    async def _run_hooks(self, prepared: PreparedHandoff, trigger: HookTrigger, reason: str | None = None) -> None:
        decision = prepared.decision
        room = await self._kit.get_room(prepared.room_id)
        context = RoomContext(room=room, bindings=await self._kit.store.list_bindings(prepared.room_id))
        event = RoomEvent(
            room_id=prepared.room_id,
            type=EventType.SYSTEM,
            source=EventSource(channel_id=prepared.from_agent, channel_type=ChannelType.AI),
            content=TextContent(body=reason if reason is not None else decision.reason),
            status=EventStatus.DELIVERED,
            visibility="internal",
            metadata={
                "handoff": True,
                "from_agent": prepared.from_agent,
                "to_agent": decision.target,
                "accepted": trigger is not HookTrigger.ON_HANDOFF_REJECTED,
                "new_phase": prepared.result.new_phase,
            },
        )
        await self._kit.hook_engine.run_async_hooks(prepared.room_id, trigger, event, context)

    async def _emit(self, room_id: str, event_type: str, **data: Any) -> None:
        await self._kit.emit_framework_event(event_type, room_id=room_id, data=data)

    def agent(self, agent_id: str | None) -> Agent | None:
        """The agent of this id, if the handler knows it as an :class:`Agent`."""
        from roomkit_sim.channels.agent import Agent

        found = self.agents.get(agent_id) if agent_id is not None else None
        return found if isinstance(found, Agent) else None


def _rolled_back(current: ConversationState, before: ConversationState) -> ConversationState:
    """The state before a handoff, with what else has changed in the conversation since."""
    handoff = {key: before.context.get(key) for key in _HANDOFF_KEYS}
    return before.model_copy(update={"context": current.with_context(**handoff).context})


def _after(
    before: ConversationState, from_agent: str, decision: Accepted, escalated_to: str | None
) -> ConversationState:
    moved = before.transition(
        decision.to_phase,
        decision.to_agent,
        decision.reason,
        {"summary": decision.summary, "channel_escalation": decision.escalation},
    )
    return moved.with_context(
        handoff_summary=decision.summary,
        handoff_from=from_agent,
        handoff_reason=decision.reason,
        handoff_to=decision.to_agent,
        **{ESCALATION_CHANNEL: escalated_to, IN_HUMAN_HANDS: True if decision.to_agent is None else None},
    )
