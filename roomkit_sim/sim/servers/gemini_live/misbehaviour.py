"""What the service is known to get wrong about frames that it sends. No waiting, no network.

The server behaves as it should; what it sends passes through an :class:`Outgoing`, which drops, holds, repeats or adds
frames while a switch is on. docs/misbehaviours.md says where each misbehaviour is known from.
"""

from __future__ import annotations

from roomkit_sim.sim.servers.gemini_live import server_frames as frames
from roomkit_sim.sim.servers.wrongs import GoesWrong

__all__ = ["EMPTY", "NEW_KIND", "Outgoing"]

NEW_KIND = b'{"serviceNotice":{"text":"A kind of message that is newer than the client."}}'
EMPTY = b"{}"
AUDIBLE_FRAMES = 25
"""So much of an answer is heard before its audio breaks off: half a second, with the default size of frames."""

_AUDIO = "serverContent.modelTurn"
_THEIR_WORDS = "serverContent.inputTranscription"
_MODELS_WORDS = "serverContent.outputTranscription"
_COMPLETE = "serverContent.turnComplete"
_GOING = "sessionResumptionUpdate.resumable"
"""The update that names no handle: its first key is the flag."""


class Outgoing:
    """The way of one connection's frames from the server to the client.

    Args:
        goes_wrong: Which misbehaviours happen.
    """

    def __init__(self, goes_wrong: GoesWrong) -> None:
        self.falls_silent = False
        """Nothing is sent after the next goAway."""
        self.resumed = False
        """The connection goes on with a conversation."""
        self._wrong = goes_wrong
        self._silent = False
        self._audio_frames = 0
        self._cutting = False
        self._after_reaction: list[bytes] = []
        self._before_end: list[bytes] = []
        self._after_turn: list[bytes] = []
        self._held: bytes | None = None
        self._noticed: dict[str, None] = {}

    def feed(self, frame: bytes) -> list[bytes]:
        """What is sent where ``frame`` should be."""
        kind = frames.kind_of(frame)
        if self._silent:
            return []
        if kind == "goAway":
            self._silent = self.falls_silent
            return [frame]
        if kind == "setupComplete":
            return [frames.not_resumable(), frame] if self._wrong("gemini.first_frame_lost") else [frame]
        sent = self._in_order_of_words(kind, frame)
        sent = [one for one in sent if not self._breaks_off(frames.kind_of(one))]
        sent = [twin for one in sent for twin in self._repeated(one)]
        sent = [both for one in sent for both in self._joined(one)]
        return [*self._unheard_of(kind), *sent] if sent else sent

    def _in_order_of_words(self, kind: str, frame: bytes) -> list[bytes]:
        """Transcripts that are left out, or held until something else has been sent."""
        if kind in (_THEIR_WORDS, _MODELS_WORDS):
            if self._wrong("gemini.transcripts_missing"):
                return []
            if kind == _THEIR_WORDS and self._wrong("gemini.transcripts_out_of_order"):
                self._after_turn.append(frame)
                return []
            if self._wrong("gemini.transcripts_late"):
                (self._after_reaction if kind == _THEIR_WORDS else self._before_end).append(frame)
                return []
        before: list[bytes] = []
        after: list[bytes] = []
        if kind == _COMPLETE:
            before, self._before_end = self._before_end, []
            after, self._after_turn = self._after_turn, []
        if kind in (_COMPLETE, _AUDIO, "toolCall"):
            after, self._after_reaction = [*self._after_reaction, *after], []
        return [*before, frame, *after]

    def _breaks_off(self, kind: str) -> bool:
        """Whether this is audio that is not sent: the first answer after a resume ends in the middle."""
        if kind == _COMPLETE:
            self.resumed = self.resumed and not self._audio_frames
            self._audio_frames, self._cutting = 0, False
        if kind != _AUDIO:
            return False
        self._audio_frames += 1
        if self.resumed and self._audio_frames > AUDIBLE_FRAMES and not self._cutting:
            self._cutting = self._wrong("gemini.resume_cuts_audio")
        return self._cutting

    def _repeated(self, frame: bytes) -> list[bytes]:
        is_call = frames.kind_of(frame) == "toolCall"
        return [frame, frame] if is_call and self._wrong("gemini.duplicate_call_ids") else [frame]

    def _joined(self, frame: bytes) -> list[bytes]:
        """Frames that go along with the next one."""
        held, self._held = self._held, None
        both = None if held is None else frames.merged(held, frame)
        sent = [frame] if held is None else [both] if both is not None else [held, frame]
        if frames.kind_of(frame) in (_GOING, _MODELS_WORDS) and both is None and self._wrong("gemini.merged_frames"):
            self._held = sent.pop()
        return sent

    def _unheard_of(self, kind: str) -> list[bytes]:
        """Frames that come from nowhere, once, before the model does anything."""
        if kind != "toolCall" and not kind.startswith("serverContent"):
            return []
        strange = (("gemini.unknown_key", NEW_KIND), ("gemini.empty_frame", EMPTY))
        found = [(name, frame) for name, frame in strange if name not in self._noticed and self._wrong(name)]
        self._noticed.update(dict.fromkeys(name for name, _ in found))
        return [frame for _, frame in found]
