"""From what was understood to what the room is told: hooks, the end of a turn, the message."""

from __future__ import annotations

import asyncio

from roomkit_sim.channels.realtime.room import RoomGateway
from roomkit_sim.channels.voice_parts.call import LiveCall
from roomkit_sim.core.inbound import PROCESS_TIMEOUT
from roomkit_sim.errors import ChannelNotFoundError, RoomError
from roomkit_sim.models.delivery import InboundMessage
from roomkit_sim.models.enums import HookTrigger
from roomkit_sim.models.event import TextContent
from roomkit_sim.voice.base import TranscriptionResult
from roomkit_sim.voice.events import PartialTranscriptionEvent, TranscriptionEvent
from roomkit_sim.voice.pipeline.turn.base import TurnContext, TurnDecision, TurnDetector

__all__ = ["Turns"]


class Turns:
    """Brings what the callers of a channel say into their rooms. Its methods run in a session's ordered workers.

    Args:
        channel_id: In whose name.
        room: Hooks and timeline.
        detector: Tells a pause from the end of a turn.
    """

    def __init__(self, channel_id: str, room: RoomGateway, detector: TurnDetector | None) -> None:
        self._channel_id = channel_id
        self._room = room
        self._detector = detector

    async def partial(self, call: LiveCall, result: TranscriptionResult) -> None:
        """The caller is speaking."""
        event = PartialTranscriptionEvent(call.session, result.text, result.confidence)
        await self._room.observe(call.session, HookTrigger.ON_PARTIAL_TRANSCRIPTION, event)

    async def final(self, call: LiveCall, result: TranscriptionResult) -> str:
        """The caller has said something; hooks may change or suppress it.

        Returns:
            What is left of it.
        """
        text = await self._allowed(call, result) if result.text.strip() else ""
        if not call.may_speak:
            return ""
        if text:
            call.turn.append(text)
        if call.turn:
            await self._judge(call, new=bool(text))
        return text

    async def bring(self, call: LiveCall, text: str) -> None:
        """Bring a turn into the room, and wait until it is answered.

        Raises:
            ChannelNotFoundError: The channel is not attached to the room: the caller speaks to nobody.
        """
        if self._room.kit is None or call.ending:
            return
        session = call.session
        message = InboundMessage(
            channel_id=self._channel_id,
            sender_id=session.participant_id,
            content=TextContent(body=text),
            metadata={"voice_session_id": session.id, "source": "voice"},
        )
        result = await self._room.kit.process_inbound(message, room_id=session.room_id)
        if result.reason == PROCESS_TIMEOUT:
            lost = RoomError(
                f"room {session.room_id!r} was held for too long: what the caller said did not get into it; find what "
                f"holds it, or raise process_timeout"
            )
            await self._room.report(session, "what the caller said", lost)
        if result.reason == "channel_not_attached":
            raise ChannelNotFoundError(
                f"nobody hears the caller: channel {self._channel_id!r} is not attached to room {session.room_id!r}: "
                f"call attach_channel() before the call"
            )

    async def _allowed(self, call: LiveCall, result: TranscriptionResult) -> str:
        event = TranscriptionEvent(call.session, result.text, result.confidence, result.language)
        outcome = await self._room.decide(call.session, HookTrigger.ON_TRANSCRIPTION, event)
        if outcome is None:
            return result.text.strip()
        if not outcome.allowed:
            return ""
        changed = outcome.event
        text = changed if isinstance(changed, str) else getattr(changed, "text", result.text)
        return str(text).strip()

    async def _judge(self, call: LiveCall, *, new: bool) -> None:
        """Answer now, or wait for more. A noise that was no words starts the waiting again."""
        call.cancel_timer()
        decision = await self._decision(call) if new else TurnDecision(is_complete=False)
        if call.ending or not call.turn:
            return
        if decision.is_complete:
            self._commit(call)
        elif call.utterance is None or call.utterance.endless:
            call.turn_timer = asyncio.get_running_loop().call_later(decision.wait_ms / 1000, lambda: self._commit(call))

    async def _decision(self, call: LiveCall) -> TurnDecision:
        if self._detector is None:
            return TurnDecision(is_complete=True)
        utterances = tuple(call.turn)
        try:
            return await self._detector.evaluate(TurnContext(call.session, " ".join(utterances), utterances))
        except Exception as error:
            await self._room.report(call.session, f"turn detector {self._detector.name}", error)
            return TurnDecision(is_complete=True)

    def _commit(self, call: LiveCall) -> None:
        call.cancel_timer()
        text = " ".join(call.turn)
        call.turn.clear()
        call.turns.put(text)
