"""Events that hooks of a realtime voice channel are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from roomkit_sim.voice.base import VoiceSession

__all__ = ["RealtimeBargeInEvent", "RealtimeToolCallEvent", "RealtimeTranscriptionEvent"]


@dataclass(frozen=True)
class RealtimeTranscriptionEvent:
    """What somebody said, as the provider transcribed it.

    Args:
        session: The session.
        text: The words; of a partial transcription, all words so far.
        role: ``"user"`` or ``"assistant"``.
        is_final: Whether the provider will not change it any more.
    """

    session: VoiceSession
    text: str
    role: str
    is_final: bool = True


@dataclass(frozen=True)
class RealtimeBargeInEvent:
    """The caller began to speak while the model's answer was playing.

    Args:
        session: The session.
        unplayed_ms: How much of the answer was dropped, by the channel's own reckoning of what the line has played.
    """

    session: VoiceSession
    unplayed_ms: float = 0.0


@dataclass(frozen=True)
class RealtimeToolCallEvent:
    """The model called a tool for which the channel has no handler.

    Hooks answer with ``HookResult.modify(event)``, the result in ``event.metadata["result"]``, or with ``block``.

    Args:
        session: The session.
        call_id: The provider's id of the call.
        name: The tool.
        arguments: As the model gave them.
        metadata: ``"result"`` is the answer: a string, or a dictionary that is sent as JSON.
    """

    session: VoiceSession
    call_id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
