"""Swaps prompt, voice and tools of live speech-to-speech sessions when another agent takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roomkit_sim.core.locks import InMemoryLockManager
from roomkit_sim.errors import RoomError
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.session_event import SessionStartedEvent
from roomkit_sim.orchestration.decisions import HUMAN, Accepted, in_human_hands
from roomkit_sim.orchestration.prompts import agent_prompt, greeting_instruction
from roomkit_sim.orchestration.state import get_conversation_state
from roomkit_sim.orchestration.tools import tool_as_dict
from roomkit_sim.providers.ai.base import AITool
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.config import SessionConfig

if TYPE_CHECKING:
    from roomkit_sim.channels.agent import Agent
    from roomkit_sim.channels.realtime_voice import RealtimeVoiceChannel
    from roomkit_sim.core.framework import RoomKit
    from roomkit_sim.orchestration.handler import HandoffHandler, PreparedHandoff

__all__ = ["RealtimeSwitch", "SwitchPolicy", "agent_of"]

_AGENT_KEY = "orchestration_agent"

TRANSFER_FAILED = (
    "[The transfer failed: {reason}. You are still with the caller. Apologise briefly and go on yourself.]"
)


def agent_of(session: VoiceSession) -> str | None:
    """The agent that a session is configured for; ``None`` when none was recorded."""
    found = session.metadata.get(_AGENT_KEY)
    return found if isinstance(found, str) else None


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
        self._turns = InMemoryLockManager()
        self.policy = policy

    def serves(self, channel_id: str | None) -> bool:
        """Whether this is the channel that is meant."""
        return channel_id == self._channel.channel_id

    def is_live(self, room_id: str) -> bool:
        """Whether a caller is connected in a room."""
        return bool(self._live(room_id))

    def obstacle(self, room_id: str, decision: Accepted) -> str | None:
        """Why the room's live sessions cannot be given to the agent that is to take over; ``None`` where they can."""
        provider = self._channel.provider
        if decision.to_agent is None or provider.capabilities.reconfiguration or not self._live(room_id):
            return None
        return (
            f"a call with the provider {provider.name!r} cannot be given to another agent while it lasts: "
            f"go on yourself, or offer to be called back"
        )

    async def starting_config(self, room_id: str) -> SessionConfig | None:
        """What a session that begins now runs with: the agent in charge of the room.

        Raises:
            RoomError: A person has taken the conversation over: a new session does not bring an agent back.
        """
        state = await self._handler.ensure_agent(room_id)
        if in_human_hands(state):
            raise RoomError(
                f"a person has taken the conversation of room {room_id!r} over: connect the caller to them, or set an "
                f"agent in the conversation state first"
            )
        agent = self._handler.agent(state.active_agent_id or self._handler.default_agent_id)
        if agent is None:
            return None
        await self._report_route(room_id, agent.channel_id, "session_start")
        return self._own_config(agent, await self._language(room_id, agent))

    async def on_session_started(self, event: Any, context: RoomContext) -> None:
        """Record for which agent a session has begun; its tool calls are that agent's until the session is switched."""
        if not isinstance(event, SessionStartedEvent) or event.session is None or not self.serves(event.channel_id):
            return
        state = get_conversation_state(context.room)
        event.session.metadata.setdefault(_AGENT_KEY, state.active_agent_id or self._handler.default_agent_id)

    async def switch(self, prepared: PreparedHandoff, decision: Accepted) -> str | None:
        """Let an accepted handoff take effect on every live session of the room.

        Switches of a room happen one after the other; one that a later handoff has overtaken is left out.

        Returns:
            ``None``, or why it could not; the previous agent is then back, or the session has ended.
        """
        async with self._turn(prepared.room_id):
            if await self._is_overtaken(prepared):
                return None
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
            if self._live(prepared.room_id):
                await self._report_route(prepared.room_id, agent.channel_id, "handoff")
            if self.policy.greet:
                await self._ask_new_agent(prepared, decision, agent)
            return None

    async def ask_to_speak(self, room_id: str, text: str) -> None:
        """Give the model of every live session of a room a turn."""
        for session in self._live(room_id):
            await self._channel.inject_text(session, text, role="user")

    async def refresh_prompt(self, room_id: str) -> None:
        """Rebuild the prompt of each live session's own agent; voice, tools and all else stay."""
        async with self._turn(room_id):
            state = get_conversation_state(await self._kit.get_room(room_id))
            for session in self._live(room_id):
                agent = self._handler.agent(agent_of(session) or state.active_agent_id)
                if agent is not None and session.state is not VoiceSessionState.PAUSED:
                    prompt = self._prompt(agent, await self._language(room_id, agent))
                    await self._channel.reconfigure_session(session, system_prompt=prompt)

    async def _switch_session(self, session: VoiceSession, room_id: str, agent: Agent) -> str | None:
        config = self._full_config(session, agent, await self._language(room_id, agent))
        await self._report(session, room_id, "started", agent.channel_id)
        error = ""
        for attempt in range(1, self.policy.attempts + 1):
            if attempt > 1:
                await self._report(session, room_id, "retry", agent.channel_id, attempt=attempt, error=error)
                await asyncio.sleep(self.policy.pause_seconds)
            if self._has_ended(session):
                break
            try:
                await self._channel.reconfigure_session(session, **_arguments(config), report=False)
            except Exception as failure:
                error = str(failure) or type(failure).__name__
                continue
            session.metadata[_AGENT_KEY] = agent.channel_id
            await self._report(session, room_id, "completed", agent.channel_id, attempt=attempt)
            return None
        if self._has_ended(session):
            # The caller is gone: there is nothing to switch and nobody to switch back for.
            await self._report(session, room_id, "gave_up", agent.channel_id, error="the session has ended")
            return None
        await self._report(session, room_id, "failed", agent.channel_id, error=error)
        return f"the session could not be switched to {agent.channel_id!r}: {error}"

    async def _restore(self, sessions: Sequence[VoiceSession], prepared: PreparedHandoff, failure: str) -> None:
        agent = self._handler.agent(prepared.from_agent)
        for session in sessions:
            if agent is None or self._has_ended(session):
                continue
            config = self._full_config(session, agent, await self._language(prepared.room_id, agent))
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
                session.metadata[_AGENT_KEY] = agent.channel_id
                await self._report(session, prepared.room_id, "restored", agent.channel_id)
                await self._report_route(prepared.room_id, agent.channel_id, "restored")

    async def _silence(self, room_id: str, sessions: Sequence[VoiceSession]) -> None:
        """A person takes over: the model's connection is closed, the caller's line stays open."""
        for session in sessions:
            if self._has_ended(session):
                continue
            session.metadata.pop(_AGENT_KEY, None)
            try:
                await self._channel.release_provider(session)
            except Exception as error:
                # Released all the same: the channel lets nothing of the caller through to the model any more.
                await self._kit.report_error("disconnecting the model for a person", error, room_id=room_id)
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
            system_prompt=self._prompt(agent, language) or None,
            voice=agent.voice or None,
            tools=(tool_as_dict(tool),) if tool else (),
        )

    def _full_config(self, session: VoiceSession, agent: Agent, language: str | None) -> SessionConfig:
        """The agent's own settings over the channel's defaults, never over its predecessor's.

        Tools that the session brought stand in for the channel's; the channel adds them itself.
        """
        base = self._channel.base_config
        own = self._own_config(agent, language)
        application = base.tools if session.metadata.get("tools") is None else ()
        return SessionConfig(
            system_prompt=own.system_prompt or "",
            voice=own.voice or base.voice or "",
            tools=(*(application or ()), *(own.tools or ())),
        )

    def _prompt(self, agent: Agent, language: str | None) -> str:
        return agent_prompt(agent, language, self._channel.base_config.system_prompt)

    def _turn(self, room_id: str) -> AbstractAsyncContextManager[None]:
        """Holds the sessions of a room; not the room itself, which stays usable while sessions reconnect."""
        return self._turns.locked(f"sessions of {self._channel.channel_id} in {room_id}")

    async def _is_overtaken(self, prepared: PreparedHandoff) -> bool:
        current = get_conversation_state(await self._kit.get_room(prepared.room_id))
        return current.phase_history != prepared.after.phase_history

    def _has_ended(self, session: VoiceSession) -> bool:
        return session.state is VoiceSessionState.ENDED or not self._channel.is_live(session)

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
