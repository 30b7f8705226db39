"""All that the channel keeps for one session, in one place: dropping it leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from roomkit_sim.channels.realtime.ordered_worker import OrderedWorker
from roomkit_sim.channels.standing import Standing
from roomkit_sim.errors import SessionNotFoundError
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.pipeline.listening import Listener

if TYPE_CHECKING:
    from roomkit_sim.channels.voice_parts.speech import Speech
    from roomkit_sim.channels.voice_parts.utterance import Utterance

__all__ = ["CallRegistry", "LiveCall", "Work"]

Work: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(eq=False)
class LiveCall:
    """A session that is bound to a room and has not ended.

    Args:
        session: The session.
        listener: Hears the caller.
        standing: What the caller may do in the room; nothing until it is known.
        line_rate_hz: Sample rate of the caller's line, where it is known.
        started: ON_SESSION_STARTED has been told, or is about to.
        ending: It is being ended; nothing new begins.
        utterance: What the caller is saying.
        recognised: The utterance that is being recognised.
        speech: What is being said to the caller.
        turn: What the caller has said and nobody has answered, one entry for each utterance.
        turn_timer: Ends the turn if the caller says no more.
        barge_in_pending: The caller's present speech has not stopped anything yet.
        output_bytes: Sent to the caller since the level was last told.
        window_second: The second in which frames are counted.
        window_frames: Frames that came in it.
        deaf_until_s: Before this time of the loop no new endless utterance is begun.
        events: Tells hooks, in the order in which things happened.
        recognitions: Recognises utterances, in the order in which they were spoken.
        turns: Brings what was said into the room, in the same order.
    """

    session: VoiceSession
    listener: Listener
    standing: Standing | None = None
    line_rate_hz: int | None = None
    started: bool = False
    ending: bool = False
    utterance: Utterance | None = None
    recognised: Utterance | None = None
    speech: Speech | None = None
    turn: list[str] = field(default_factory=list)
    turn_timer: asyncio.TimerHandle | None = None
    barge_in_pending: bool = False
    output_bytes: int = 0
    window_second: int = -1
    window_frames: int = 0
    deaf_until_s: float = 0.0
    events: OrderedWorker[Work] = field(init=False)
    recognitions: OrderedWorker[Utterance] = field(init=False)
    turns: OrderedWorker[str] = field(init=False)

    @property
    def is_heard(self) -> bool:
        """Whether the caller's audio is listened to."""
        return self.may_speak and self.session.state is VoiceSessionState.ACTIVE

    @property
    def may_speak(self) -> bool:
        """Whether what the caller says may enter the room."""
        return not self.ending and self.standing is not None and self.standing.heard

    @property
    def hears(self) -> bool:
        """Whether what is said in the room may be spoken to the caller."""
        return not self.ending and self.standing is not None and self.standing.hears

    def stop_hearing(self) -> None:
        """Drop what the caller is saying, and what is being recognised or waits to be answered."""
        if self.utterance is not None:
            self.utterance.abort()
            self.utterance = None
        while len(self.recognitions):
            self.recognitions.drop_oldest().abort()
        if self.recognised is not None:
            self.recognised.abort()
        self.turns.clear()
        self.cancel_timer()
        self.turn.clear()
        self.barge_in_pending = False

    def cancel_timer(self) -> None:
        """The turn goes on."""
        if self.turn_timer is not None:
            self.turn_timer.cancel()
            self.turn_timer = None

    def stop(self) -> None:
        """End all work but the telling of hooks."""
        self.stop_hearing()
        self.recognitions.stop()
        self.turns.stop()
        self.listener.close()


class CallRegistry:
    """The sessions of a channel."""

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}
        self._by_room: dict[str, dict[str, LiveCall]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: LiveCall) -> None:
        """Keep a session."""
        self._calls[call.session.id] = call
        self._by_room.setdefault(call.session.room_id, {})[call.session.id] = call

    def remove(self, session: VoiceSession) -> None:
        """Forget a session."""
        self._calls.pop(session.id, None)
        of_room = self._by_room.get(session.room_id, {})
        of_room.pop(session.id, None)
        if not of_room:
            self._by_room.pop(session.room_id, None)

    def find(self, session: VoiceSession) -> LiveCall | None:
        """The session, if it is bound and has not ended."""
        return self._calls.get(session.id)

    def require(self, session: VoiceSession) -> LiveCall:
        """The session.

        Raises:
            SessionNotFoundError: It is not bound to this channel, or it has ended, or is about to.
        """
        call = self._calls.get(session.id)
        if call is None or call.ending:
            raise SessionNotFoundError(
                f"voice session {session.id} is not live on this channel: it has ended, or was not bound to a room"
            )
        return call

    def all(self) -> list[LiveCall]:
        """All, in the order of their beginning."""
        return list(self._calls.values())

    def of_room(self, room_id: str) -> list[LiveCall]:
        """Those of one room."""
        return [call for call in self._by_room.get(room_id, {}).values() if not call.ending]
