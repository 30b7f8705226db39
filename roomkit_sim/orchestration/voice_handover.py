"""Handoffs on a spoken line: the old agent's last words, then the new agent's first.

For agents that are heard through recognition and synthesis. With speech-to-speech models the session itself is switched
(:mod:`roomkit_sim.orchestration.realtime_switch`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from roomkit_sim.core.event_router import GREETING_CUE
from roomkit_sim.models.context import RoomContext
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import HookExecution, HookTrigger
from roomkit_sim.models.event import RoomEvent, TextContent
from roomkit_sim.models.hook import HookResult
from roomkit_sim.orchestration.decisions import HUMAN
from roomkit_sim.orchestration.prompts import greeting_instruction
from roomkit_sim.orchestration.state import get_conversation_state

if TYPE_CHECKING:
    from roomkit_sim.channels.voice import VoiceChannel
    from roomkit_sim.core.framework import RoomKit
    from roomkit_sim.orchestration.handler import HandoffHandler

__all__ = ["HANDOFF_TRANSITION", "VoiceHandover"]

HANDOFF_TRANSITION = "handoff_transition"
"""The reason with which the old agent's own words are blocked while a farewell is about to be spoken."""

PLAYBACK_SECONDS = 15.0
GREETING_SECONDS = 30.0


class VoiceHandover:
    """Lets a handoff be heard: playback ends, a farewell is spoken, the new agent is asked to speak.

    Args:
        kit: The kit.
        handler: Whose handoffs.
        voice: The channel on which they are heard.
        greeting_prompt: What the new agent is told; a general instruction when absent.
        farewell_prompt: What is spoken in the old agent's voice before the new one speaks; nothing when absent.
    """

    def __init__(
        self,
        kit: RoomKit,
        handler: HandoffHandler,
        voice: VoiceChannel,
        *,
        greeting_prompt: str | None,
        farewell_prompt: str | None,
    ) -> None:
        self._kit = kit
        self._handler = handler
        self._voice = voice
        self._greeting_prompt = greeting_prompt
        self._farewell = farewell_prompt
        self._pending: dict[str, None] = {}

    def register(self, hook_priority: int) -> None:
        """Add the hooks. Speech is held back only where something else will be spoken instead of it."""
        self._kit.hook(HookTrigger.ON_HANDOFF, execution=HookExecution.ASYNC, name="_voice_handover")(self.on_handoff)
        if self._farewell:
            self._kit.hook(
                HookTrigger.BEFORE_TTS,
                execution=HookExecution.SYNC,
                priority=hook_priority - 1,
                name="_voice_farewell",
            )(self.before_tts)

    async def before_tts(self, event: Any, context: RoomContext) -> HookResult:
        """The old agent does not take leave in its own words as well."""
        if context.room.id in self._pending:
            return HookResult.block(HANDOFF_TRANSITION)
        return HookResult.allow()

    async def on_handoff(self, event: RoomEvent, context: RoomContext) -> None:
        """Begin the handover. Rooms without a caller on the line hear nothing of it."""
        room_id = event.room_id
        if not self._voice.get_room_sessions(room_id):
            return
        if self._farewell:
            self._pending[room_id] = None
        from_agent, to_agent = str(event.metadata.get("from_agent")), str(event.metadata.get("to_agent"))
        self._kit.background.spawn(self._hand_over(room_id, from_agent, to_agent), name="voice handover")

    async def _hand_over(self, room_id: str, from_agent: str, to_agent: str) -> None:
        try:
            # The room is held until the old agent's turn is over; its last words are spoken, or held back, by then.
            async with self._kit.lock_manager.locked(room_id):
                pass
            await self._voice.wait_playback_done(room_id, PLAYBACK_SECONDS)
        finally:
            self._pending.pop(room_id, None)
        if self._farewell:
            await self._take_leave(room_id, from_agent, self._farewell)
        if to_agent == HUMAN or not self._voice.get_room_sessions(room_id):
            return
        async with asyncio.timeout(GREETING_SECONDS):
            await self._ask_to_speak(room_id, from_agent, to_agent)

    async def _take_leave(self, room_id: str, from_agent: str, farewell: str) -> None:
        """A farewell that cannot be spoken, or that the synthesiser never finishes, is reported.

        The new agent must not be silent for it.
        """
        try:
            async with asyncio.timeout(PLAYBACK_SECONDS) as limit:
                await self._voice.say_to_room(room_id, farewell, voice=self._voice.voice_of(from_agent))
        except Exception as error:
            await self._kit.report_error("farewell", error, room_id=room_id, channel_id=self._voice.channel_id)
            if limit.expired():
                await self._voice.interrupt_all(room_id)
        await self._voice.wait_playback_done(room_id, PLAYBACK_SECONDS)

    async def _ask_to_speak(self, room_id: str, from_agent: str, to_agent: str) -> None:
        agent = self._handler.agent(to_agent)
        room = await self._kit.get_room(room_id)
        state = get_conversation_state(room)
        if agent is None or state.active_agent_id != to_agent:
            # A later handoff has overtaken this one; it brings its own greeting.
            return
        summary = state.context.get("handoff_summary")
        cue = greeting_instruction(
            agent,
            prompt=self._greeting_prompt,
            language=self._handler.get_room_language(room, to_agent),
            from_agent=from_agent,
            summary=summary if isinstance(summary, str) else None,
        )
        message = InboundMessage(
            channel_id=self._voice.channel_id,
            sender_id="system",
            content=TextContent(body=cue),
            metadata={GREETING_CUE: True},
        )
        await self._kit.process_inbound(message, room_id=room_id)
