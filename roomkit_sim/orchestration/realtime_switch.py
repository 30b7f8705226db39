"""Swaps prompt, voice and tools of live speech-to-speech sessions when another agent takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roomkit_sim.orchestration.decisions import HUMAN, Accepted
from roomkit_sim.orchestration.prompts import agent_prompt, greeting_instruction
from roomkit_sim.orchestration.state import ConversationState
from roomkit_sim.orchestration.tools import tool_as_dict
from roomkit_sim.providers.ai.base import AITool
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.config import SessionConfig

if TYPE_CHECKING:
    from roomkit_sim.channels.agent import Agent
    from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit_sim.core.framework import RoomKit
    from roomkit_sim.orchestration.handler import HandoffHandler, PreparedHandoff

__all__ = ["RealtimeSwitch", "SwitchPolicy"]

TRANSFER_FAILED = (
    "[The transfer failed: {reason}. You are still with the caller. Apologise briefly and go on yourself.]"
)


@dataclass(frozen=True)
class SwitchPolicy:
    """How a switch of agents is done.

    Args:
        attempts: How often the new agent's session is tried before the old agent is restored.
        pause_seconds: Between two attempts.
        greet: Ask the new agent to speak at once.
        greeting_prompt: With which words; general ones when absent.
    """

    attempts: int = 2
    pause_seconds: float = 0.5
    greet: bool = False
    greeting_prompt: str | None = None


class RealtimeSwitch:
    """The live sessions of one channel, seen from the orchestration.

    Args:
        kit: For reports.
        handler: Knows languages and agents.
        channel: The channel whose sessions are switched.
        tools: Agent id to its handoff tool; absent where it has none.
        policy: How switches are done.
    """

    def __init__(
        self,
        kit: RoomKit,
        handler: HandoffHandler,
        channel: RealtimeVoiceChannel,
        tools: Mapping[str, AITool],
        policy: SwitchPolicy,
    ) -> None:
        self._kit = kit
        self._handler = handler
        self._channel = channel
        self._tools = tools
        self.policy = policy

    def serves(self, channel_id: str | None) -> bool:
        """Whether this is the channel that is meant."""
        return channel_id == self._channel.channel_id

    async def starting_config(self, room_id: str) -> SessionConfig | None:
        """What a session that begins now runs with: the agent in charge of the room.

        A conversation that a person has taken over gets no agent back by a new session.
        """
        state = await self._handler.ensure_state(room_id)
        agent = self._handler.agent(state.active_agent_id or self._handler.default_agent_id)
        if agent is None:
            return None
        await self._report_route(room_id, agent.channel_id, "session_start")
        return self._own_config(agent, await self._language(room_id, agent))

    async def switch(self, prepared: PreparedHandoff, decision: Accepted) -> str | None:
        """Let an accepted handoff take effect on every live session of the room.

        Returns:
            ``None``, or why it could not; the previous agent is then back, or the session has ended.
        """
        sessions = self._live(prepared.room_id)
        if decision.to_agent is None:
            await self._silence(prepared.room_id, sessions)
            return None
        agent = self._handler.agent(decision.to_agent)
        if agent is None:
            return f"agent {decision.to_agent!r} has no configuration: pass it to install()"
        for session in sessions:
            failure = await self._switch_session(session, prepared.room_id, agent)
            if failure is not None:
                await self._restore(sessions, prepared, failure)
                return failure
        await self._report_route(prepared.room_id, agent.channel_id, "handoff")
        if self.policy.greet:
            await self._ask_new_agent(prepared, decision, agent)
        return None

    async def ask_to_speak(self, room_id: str, text: str) -> None:
        """Give the model of every live session of a room a turn."""
        for session in self._live(room_id):
            await self._channel.inject_text(session, text, role="user")

    async def refresh_prompt(self, room_id: str, state: ConversationState) -> None:
        """Rebuild the prompt of the agent in charge; voice, tools and all else stay."""
        agent = self._handler.agent(state.active_agent_id)
        if agent is None:
            return
        prompt = agent_prompt(agent, await self._language(room_id, agent))
        for session in self._live(room_id):
            await self._channel.reconfigure_session(session, system_prompt=prompt)

    async def _switch_session(self, session: VoiceSession, room_id: str, agent: Agent) -> str | None:
        config = self._full_config(agent, await self._language(room_id, agent))
        await self._report(session, room_id, "started", agent.channel_id)
        error = ""
        for attempt in range(1, self.policy.attempts + 1):
            if attempt > 1:
                await self._report(session, room_id, "retry", agent.channel_id, attempt=attempt, error=error)
                await asyncio.sleep(self.policy.pause_seconds)
            if session.state is VoiceSessionState.ENDED:
                break
            try:
                await self._channel.reconfigure_session(session, **_arguments(config), report=False)
            except Exception as failure:
                error = str(failure) or type(failure).__name__
                continue
            await self._report(session, room_id, "completed", agent.channel_id, attempt=attempt)
            return None
        if session.state is VoiceSessionState.ENDED:
            # The caller is gone: there is nothing to switch and nobody to switch back for.
            await self._report(session, room_id, "gave_up", agent.channel_id, error="the session has ended")
            return None
        await self._report(session, room_id, "failed", agent.channel_id, error=error)
        return f"the session could not be switched to {agent.channel_id!r}: {error}"

    async def _restore(self, sessions: Sequence[VoiceSession], prepared: PreparedHandoff, failure: str) -> None:
        agent = self._handler.agent(prepared.from_agent)
        for session in sessions:
            if session.state is VoiceSessionState.ENDED or agent is None:
                continue
            config = self._full_config(agent, await self._language(prepared.room_id, agent))
            try:
                await self._channel.reconfigure_session(session, **_arguments(config), report=False)
                await self._channel.inject_text(session, TRANSFER_FAILED.format(reason=failure), role="user")
            except Exception as error:
                await self._report(session, prepared.room_id, "gave_up", agent.channel_id, error=str(error))
                await self._kit.report_error(
                    "restoring the agent before a failed handoff", error, room_id=prepared.room_id
                )
                await self._channel.end_session(session)
            else:
                await self._report(session, prepared.room_id, "restored", agent.channel_id)
                await self._report_route(prepared.room_id, agent.channel_id, "restored")

    async def _silence(self, room_id: str, sessions: Sequence[VoiceSession]) -> None:
        """A person takes over: the model's connection is closed, the caller's line stays open."""
        for session in sessions:
            await self._channel.release_provider(session)
        await self._report_route(room_id, HUMAN, "handoff")

    async def _ask_new_agent(self, prepared: PreparedHandoff, decision: Accepted, agent: Agent) -> None:
        cue = greeting_instruction(
            agent,
            prompt=self.policy.greeting_prompt,
            language=await self._language(prepared.room_id, agent),
            from_agent=prepared.from_agent,
            summary=decision.summary,
        )
        await self.ask_to_speak(prepared.room_id, cue)

    def _own_config(self, agent: Agent, language: str | None) -> SessionConfig:
        """What is the agent's own; ``None`` where the channel's default stands."""
        tool = self._tools.get(agent.channel_id)
        return SessionConfig(
            system_prompt=agent_prompt(agent, language) or None,
            voice=agent.voice or None,
            tools=(tool_as_dict(tool),) if tool else (),
        )

    def _full_config(self, agent: Agent, language: str | None) -> SessionConfig:
        """The agent's own settings over the channel's defaults, never over its predecessor's."""
        base = self._channel.base_config
        own = self._own_config(agent, language)
        return SessionConfig(
            system_prompt=own.system_prompt or base.system_prompt or "",
            voice=own.voice or base.voice or "",
            tools=(*(base.tools or ()), *(own.tools or ())),
        )

    def _live(self, room_id: str) -> list[VoiceSession]:
        sessions = self._channel.get_room_sessions(room_id)
        return [session for session in sessions if session.state is not VoiceSessionState.ENDED]

    async def _language(self, room_id: str, agent: Agent) -> str | None:
        return self._handler.get_room_language(await self._kit.get_room(room_id), agent.channel_id)

    async def _report(self, session: VoiceSession, room_id: str, step: str, agent: str, **more: Any) -> None:
        await self._kit.emit_framework_event(
            "session_reconfigure",
            room_id=room_id,
            channel_id=self._channel.channel_id,
            session_id=session.id,
            data={"step": step, "agent": agent, **more},
        )

    async def _report_route(self, room_id: str, agent: str, why: str) -> None:
        await self._kit.emit_framework_event("agent_routed", room_id=room_id, data={"agent": agent, "why": why})


def _arguments(config: SessionConfig) -> dict[str, Any]:
    return {"system_prompt": config.system_prompt, "voice": config.voice, "tools": list(config.tools or ())}
