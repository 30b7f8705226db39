"""What of the model's answer is to be heard, and how much of it the line has yet to play. Pure."""

from __future__ import annotations

__all__ = ["AnswerGate", "PlayoutEstimate"]


class AnswerGate:
    """Whether audio of the model is still wanted.

    From the moment the caller speaks into an answer, the rest of that answer is not. The gate opens again when that
    answer has ended or another one begins, never later: a gate that waits for the caller to be quiet silences the next
    answer.
    """

    def __init__(self) -> None:
        self._responding = False
        self._shut = False

    @property
    def open(self) -> bool:
        """Whether audio may pass."""
        return not self._shut

    def response_started(self) -> None:
        """Another answer."""
        self._responding = True
        self._shut = False

    def response_ended(self) -> None:
        """The answer is over."""
        self._responding = False
        self._shut = False

    def speech_started(self) -> None:
        """The caller speaks."""
        self._shut = self._responding


class PlayoutEstimate:
    """Reckons until when a line plays, which plays what it was sent in real time and without gaps."""

    def __init__(self) -> None:
        self._until_ns = 0

    def sent(self, duration_ns: int, now_ns: int) -> None:
        """More audio was sent."""
        self._until_ns = max(now_ns, self._until_ns) + duration_ns

    def interrupted(self, now_ns: int) -> int:
        """What is unplayed is dropped; tells how much that was, in nanoseconds."""
        unplayed = max(0, self._until_ns - now_ns)
        self._until_ns = now_ns
        return unplayed
