"""A sequence of agents, each with its phase, and the legal ways between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from roomkit_sim.errors import ConfigurationError, PipelineError
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.orchestration.decisions import HUMAN
from roomkit_sim.orchestration.graph import PipelineStage, StageGraph
from roomkit_sim.orchestration.handler import HandoffHandler
from roomkit_sim.orchestration.realtime_switch import RealtimeSwitch, SwitchPolicy, agent_of
from roomkit_sim.orchestration.router import ConversationRouter, RoutingConditions, RoutingRule
from roomkit_sim.orchestration.setup import require_without_handoff, setup_handoff
from roomkit_sim.orchestration.tools import HANDOFF_TOOL_NAME, build_handoff_tool
from roomkit_sim.orchestration.voice_handover import VoiceHandover
from roomkit_sim.providers.ai.base import AITool

if TYPE_CHECKING:
    from roomkit_sim.channels.agent import Agent
    from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit_sim.channels.voice import VoiceChannel
    from roomkit_sim.core.framework import RoomKit

__all__ = ["ConversationPipeline", "PipelineStage"]

_installed: WeakKeyDictionary[RoomKit, None] = WeakKeyDictionary()


class ConversationPipeline:
    """Stages, from which routing rules, phases and legal transitions follow.

    Args:
        stages: In order.
        default_phase: Where a conversation starts; the first stage's phase when absent.
        supervisor_id: An agent that sees everything.

    Raises:
        PipelineError: A stage leads to a phase that no stage has (also a ValueError).
    """

    def __init__(
        self, stages: Sequence[PipelineStage], default_phase: str | None = None, supervisor_id: str | None = None
    ) -> None:
        self._graph = StageGraph(stages, default_phase)
        self.supervisor_id = supervisor_id

    @property
    def stages(self) -> list[PipelineStage]:
        """The stages; a copy."""
        return list(self._graph.stages)

    def to_router(self) -> ConversationRouter:
        """A router with one rule for each stage."""
        rules = [
            RoutingRule(agent_id=stage.agent_id, conditions=RoutingConditions(phases={stage.phase}), priority=index)
            for index, stage in enumerate(self._graph.stages)
        ]
        return ConversationRouter(rules, self._graph.default_agent(), self.supervisor_id)

    def get_phase_map(self) -> dict[str, str]:
        """Agent id to its phase; of several, the last."""
        return dict(self._graph.phase_map())

    def get_allowed_transitions(self) -> dict[str, set[str]]:
        """Phase to the phases that may follow it."""
        return self._graph.transitions()

    def install(
        self,
        kit: RoomKit,
        agents: Sequence[Agent],
        *,
        agent_aliases: dict[str, str] | None = None,
        hook_priority: int = -100,
        greet_on_handoff: bool = False,
        voice_channel_id: str | None = None,
        greeting_prompt: str | None = None,
        farewell_prompt: str | None = None,
        human_handoff: bool = False,
    ) -> tuple[ConversationRouter, HandoffHandler]:
        """Wire routing and handoff in one call.

        With a :class:`RealtimeVoiceChannel` the agents are configurations of its sessions; otherwise they are channels
        that answer text, which a :class:`VoiceChannel` hears and speaks, each agent in its own voice.

        Args:
            kit: The kit.
            agents: All agents of the stages.
            agent_aliases: Other names by which models may call them.
            hook_priority: Of the routing hook.
            greet_on_handoff: Ask the new agent to speak at once.
            voice_channel_id: The voice channel, registered before.
            greeting_prompt: What the new agent is told when it is asked to speak.
            farewell_prompt: Spoken in the old agent's voice before the new one speaks; not with speech to speech, whose
                model takes leave itself.
            human_handoff: Offer ``human`` as a target to every agent. A call with this target is accepted in any case.

        Returns:
            Router and handler, for further customisation.

        Raises:
            ConfigurationError: Something does not fit; nothing was changed.
        """
        if greet_on_handoff and voice_channel_id is None:
            raise PipelineError("greet_on_handoff needs voice_channel_id: the channel on which the new agent speaks")
        channel = self._check(kit, agents, voice_channel_id)
        voice, spoken = _by_kind(channel)
        router = self.to_router()
        handler = HandoffHandler(
            kit,
            router,
            agent_aliases=agent_aliases,
            known_agents=[agent.channel_id for agent in agents] if voice is not None else None,
            event_channel_id=voice_channel_id if voice is not None else None,
            graph=self._graph,
        )
        handler.agents = {agent.channel_id: agent for agent in agents}
        handler.greeting_map = {agent.channel_id: agent.greeting for agent in agents if agent.greeting is not None}
        router.seed_state = handler.ensure_agent
        tools = {agent.channel_id: self._tool_for(agent.channel_id, agents, human_handoff) for agent in agents}
        offered = {agent_id: tool for agent_id, tool in tools.items() if tool is not None}
        if voice is not None:
            policy = SwitchPolicy(greet=greet_on_handoff, greeting_prompt=greeting_prompt)
            handler.realtime = RealtimeSwitch(kit, handler, voice, offered, policy)
            _wire_realtime(kit, voice, handler, handler.realtime)
        else:
            for agent in agents:
                agent.is_in_charge = handler.is_in_charge
                if agent.channel_id in offered:
                    setup_handoff(agent, handler, tool=offered[agent.channel_id])
        if spoken is not None:
            handler.voice_channel_id = spoken.channel_id
            spoken.update_voice_map({agent.channel_id: agent.voice for agent in agents if agent.voice})
            if greet_on_handoff:
                VoiceHandover(
                    kit, handler, spoken, greeting_prompt=greeting_prompt, farewell_prompt=farewell_prompt
                ).register(hook_priority)
        router.register(kit, hook_priority)
        _installed[kit] = None
        return router, handler

    def _check(
        self, kit: RoomKit, agents: Sequence[Agent], voice_channel_id: str | None
    ) -> RealtimeVoiceChannel | VoiceChannel | None:
        """Everything that can be wrong, before anything is changed."""
        if not self._graph.stages:
            raise PipelineError("the pipeline has no stages: give it at least one PipelineStage")
        if self._graph.default_phase not in self._graph.phases:
            phases = ", ".join(self._graph.phases)
            raise PipelineError(f"default_phase {self._graph.default_phase!r} is not a valid phase; known: {phases}")
        given = [agent.channel_id for agent in agents]
        if len(set(given)) < len(given):
            raise PipelineError(f"install() was given two agents of one id; it was given {', '.join(given)}")
        missing = [agent_id for agent_id in self._graph.agent_ids() if agent_id not in given]
        if missing:
            raise PipelineError(
                f"stages name agents that install() was not given: {', '.join(missing)}; "
                f"it was given {', '.join(given) or 'none'}: give it the missing ones too, or correct the stages"
            )
        if kit in _installed:
            raise ConfigurationError("a pipeline is installed on this kit already: use one pipeline, or another kit")
        channel = _voice_channel(kit, voice_channel_id)
        realtime, _ = _by_kind(channel)
        if realtime is None:
            silent = [agent.channel_id for agent in agents if agent.is_config_only]
            if silent:
                raise PipelineError(
                    f"agents have no provider: {', '.join(silent)}: give them provider=, or install() the "
                    f"voice_channel_id= of the RealtimeVoiceChannel that speaks for them"
                )
            require_without_handoff(agents)
        elif realtime.session_configurator is not None:
            raise ConfigurationError(f"a pipeline is installed on channel {voice_channel_id!r} already")
        return channel

    def _tool_for(self, agent_id: str, agents: Sequence[Agent], human: bool) -> AITool | None:
        """The agent's handoff tool: its reachable targets; none for the agent of a last stage."""
        descriptions = {agent.channel_id: agent.description for agent in agents}
        targets: list[tuple[str, str | None]] = [
            (target, descriptions.get(target) or stage) for target, stage in self._graph.targets(agent_id).items()
        ]
        if human:
            targets.append((HUMAN, "A person takes the conversation over"))
        return build_handoff_tool(targets) if targets else None


def _voice_channel(kit: RoomKit, voice_channel_id: str | None) -> RealtimeVoiceChannel | VoiceChannel | None:
    from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit_sim.channels.voice import VoiceChannel

    if voice_channel_id is None:
        return None
    channel = kit.channels.get(voice_channel_id)
    if channel is None:
        raise ConfigurationError(
            f"voice channel {voice_channel_id!r} is not registered: call kit.register_channel() before install()"
        )
    if not isinstance(channel, RealtimeVoiceChannel | VoiceChannel):
        raise ConfigurationError(
            f"channel {voice_channel_id!r} is a {type(channel).__name__}, neither a RealtimeVoiceChannel nor a "
            f"VoiceChannel"
        )
    return channel


def _by_kind(
    channel: RealtimeVoiceChannel | VoiceChannel | None,
) -> tuple[RealtimeVoiceChannel | None, VoiceChannel | None]:
    """The channel as speech to speech, and as speech by way of text: one of them, or neither."""
    from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel

    if isinstance(channel, RealtimeVoiceChannel):
        return channel, None
    return None, channel


def _wire_realtime(kit: RoomKit, voice: RealtimeVoiceChannel, handler: HandoffHandler, switch: RealtimeSwitch) -> None:
    from roomkit_sim.channels.tool_handlers import call_tool_handler
    from roomkit_sim.voice.base import VoiceSession
    from roomkit_sim.voice.realtime.tools import DeferredToolResult, NotHandled

    inner = voice.tool_handler

    async def handle_tool(session: VoiceSession, name: str, arguments: dict[str, Any]) -> Any:
        if name != HANDOFF_TOOL_NAME:
            if inner is None:
                return NotHandled()
            return await call_tool_handler(inner, session, name, arguments)
        if not voice.is_live(session):
            return {"error": "the session has ended: nothing was changed"}
        state = await handler.ensure_state(session.room_id)
        # Not whoever is in charge by now: of two calls in one turn of a model, the second comes from a replaced agent.
        caller = agent_of(session) or state.active_agent_id or handler.default_agent_id or ""
        prepared = await handler.accept(session.room_id, caller, arguments)

        async def complete() -> None:
            await handler.complete(prepared)

        return DeferredToolResult(prepared.result.model_dump(), complete, silent=prepared.result.accepted)

    voice.tool_handler = handle_tool
    voice.handoff_handler = handler
    voice.session_configurator = switch.starting_config
    kit.hook(
        HookTrigger.ON_SESSION_STARTED, execution=HookExecution.ASYNC, name=f"_agent_of_session:{voice.channel_id}"
    )(switch.on_session_started)
