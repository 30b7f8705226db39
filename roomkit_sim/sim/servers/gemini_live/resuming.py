"""What comes of a setup that names a handle: the conversation, and what the service is known to get wrong about it."""

from __future__ import annotations

from dataclasses import replace

from roomkit_sim.sim.scenario.service import Service
from roomkit_sim.sim.servers.gemini_live.client_frames import Setup
from roomkit_sim.sim.servers.gemini_live.conversation import Conversation, Kept
from roomkit_sim.sim.servers.wrongs import GoesWrong

__all__ = ["TOO_LONG", "TurnedAway", "resumed"]

TOO_LONG = "The session has reached its maximum duration"


class TurnedAway(Exception):
    """The service ends a connection through no fault of its client.

    Args:
        reason: Of the close frame. The texts are ours: those of the service are not known.
        code: The close code.
    """

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


def resumed(
    setup: Setup, kept: Kept, service: Service, now_s: float, goes_wrong: GoesWrong
) -> tuple[Setup, Conversation]:
    """The session that a handle leads to: its configuration as it takes effect, and what the model knows.

    Args:
        setup: What the client asks for.
        kept: What its handle stands for.
        service: How long instructions and conversations may be.
        now_s: Seconds of the clock that the conversation's beginning was read from.
        goes_wrong: Which misbehaviours happen.

    Raises:
        TurnedAway: The service does not resume it.
    """
    _refuse(setup, kept, service, now_s, goes_wrong)
    conversation = kept.conversation
    if goes_wrong("gemini.resume_loses_context"):
        setup = replace(setup, handle=None)
        conversation = Conversation(setup.model, conversation.voice, conversation.began_s)
    elif goes_wrong("gemini.resume_loses_most_context"):
        conversation.turns = conversation.turns[2::3]
    if conversation.voice != setup.voice and goes_wrong("gemini.resume_keeps_voice"):
        setup = replace(setup, voice=conversation.voice)
    return setup, conversation


def _refuse(setup: Setup, kept: Kept, service: Service, now_s: float, goes_wrong: GoesWrong) -> None:
    if goes_wrong("gemini.handle_expired"):
        raise TurnedAway("Session handle has expired", 1008)
    if goes_wrong("gemini.handle_other_model"):
        raise TurnedAway("Invalid session handle: it was issued for another model", 1007)
    # In force with every resume: a client that closes first does not meet it, and that is what the switch is for.
    if goes_wrong("gemini.old_socket_open") and kept.is_open():
        raise TurnedAway("The session is in use by another connection", 1008)
    is_long = len(setup.instructions) >= service.long_instructions
    if is_long and goes_wrong("gemini.resume_rejects_long_instructions"):
        raise TurnedAway("Request contains an invalid argument.", 1007)
    age_s = now_s - kept.conversation.began_s
    if age_s >= service.session_ms / 1000 and not setup.compression:
        raise TurnedAway(TOO_LONG, 1008)
    if age_s >= service.deadline_ms / 1000 and goes_wrong("gemini.close_58_min"):
        raise TurnedAway("Invalid session handle", 1007)
