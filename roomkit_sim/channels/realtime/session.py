"""All that the channel keeps for one session, in one place: dropping it leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from roomkit_sim.channels.realtime.playout import AnswerGate, PlayoutEstimate
from roomkit_sim.channels.standing import Standing
from roomkit_sim.errors import SessionNotFoundError
from roomkit_sim.voice.base import VoiceSession, VoiceSessionState
from roomkit_sim.voice.realtime.config import SessionConfig
from roomkit_sim.voice.resampler import StreamResampler

if TYPE_CHECKING:
    from roomkit_sim.channels.realtime.ordered_worker import OrderedWorker

__all__ = ["LiveVoiceSession", "SessionRegistry", "Work"]

Work: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(eq=False)
class LiveVoiceSession:
    """A session that has begun and not ended.

    Args:
        session: The session.
        config: What it is configured with.
        own_tools: The tools that its metadata brought; they outlive every reconfiguration.
        standing: What the caller may do in the room; nothing until it is known.
        loop: In which it lives.
        thread_id: The loop's thread.
        generation: Grows when what was queued for the caller is void.
        released: No model is connected, by request; the line is open.
        ending: It is being ended; nothing new begins.
        cancelled_calls: Tool calls that the model took back.
        muting_calls: Tool calls during which the caller is muted.
        line_rate_hz: Sample rate of the caller's line.
        inwards: Brings the caller's audio to the provider's rate, where they differ.
        outwards: Brings the model's audio to the line's rate, where they differ.
        gate: Whether audio of the model is still wanted.
        playout: How much the line has yet to play.
        metered_bytes: Of the caller's audio since the level was last told.
        speech_began_at: When the caller began to say what is not final yet.
        tools_called: By the model in its present answer.
        dropping: Audio of the caller is being dropped, and that has been reported.
        events: Does transcripts, hooks and tool calls in the order in which they came.
        caller_audio: Sends the caller's audio to the provider.
        model_audio: Sends the model's audio to the line.
    """

    session: VoiceSession
    config: SessionConfig
    own_tools: tuple[dict[str, object], ...] = ()
    standing: Standing | None = None
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    thread_id: int = field(default_factory=threading.get_ident)
    line_rate_hz: int = 16000
    inwards: StreamResampler | None = None
    outwards: StreamResampler | None = None
    gate: AnswerGate = field(default_factory=AnswerGate)
    playout: PlayoutEstimate = field(default_factory=PlayoutEstimate)
    generation: int = 0
    released: bool = False
    ending: bool = False
    cancelled_calls: dict[str, None] = field(default_factory=dict)
    muting_calls: int = 0
    metered_bytes: int = 0
    dropping: bool = False
    speech_began_at: datetime | None = None
    tools_called: dict[str, None] = field(default_factory=dict)
    events: OrderedWorker[Work] = field(init=False)
    caller_audio: OrderedWorker[bytes] = field(init=False)
    model_audio: OrderedWorker[tuple[int, bytes | None]] = field(init=False)

    @property
    def hears_caller(self) -> bool:
        """Whether the caller's audio may reach the model.

        While the connection is being replaced it may: the provider keeps it.
        """
        if self.released or self.ending or self.session.state is VoiceSessionState.ENDED:
            return False
        return self.standing is not None and self.standing.heard

    @property
    def hears_model(self) -> bool:
        """Whether the model's audio and words may reach the caller."""
        return not self.ending and self.standing is not None and self.standing.hears

    def stop(self) -> None:
        """Stop all audio. What is queued of events is left to be done."""
        self.caller_audio.stop()
        self.model_audio.stop()


class SessionRegistry:
    """The sessions of a channel."""

    def __init__(self) -> None:
        self._live: dict[str, LiveVoiceSession] = {}
        self._by_room: dict[str, dict[str, LiveVoiceSession]] = {}

    def __len__(self) -> int:
        return len(self._live)

    def add(self, live: LiveVoiceSession) -> None:
        """Keep a session."""
        self._live[live.session.id] = live
        self._by_room.setdefault(live.session.room_id, {})[live.session.id] = live

    def remove(self, session: VoiceSession) -> None:
        """Forget a session."""
        self._live.pop(session.id, None)
        of_room = self._by_room.get(session.room_id, {})
        of_room.pop(session.id, None)
        if not of_room:
            self._by_room.pop(session.room_id, None)

    def find(self, session: VoiceSession) -> LiveVoiceSession | None:
        """The session, if it has not ended."""
        return self._live.get(session.id)

    def require(self, session: VoiceSession) -> LiveVoiceSession:
        """The session.

        Raises:
            SessionNotFoundError: It is not one of this channel's, or it has ended, or is about to.
        """
        live = self._live.get(session.id)
        if live is None or live.ending:
            raise SessionNotFoundError(
                f"voice session {session.id} is not live on this channel: it has ended, or was started elsewhere"
            )
        return live

    def all(self) -> list[LiveVoiceSession]:
        """All, in the order of their beginning."""
        return list(self._live.values())

    def of_room(self, room_id: str) -> list[LiveVoiceSession]:
        """Those of one room."""
        return [live for live in self._by_room.get(room_id, {}).values() if not live.ending]
