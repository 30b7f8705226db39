"""How much of what an agent says has been played, and which words that was. Pure.

A line plays what it was sent in real time and without a gap, as long as it has something; so what is unplayed follows
from the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Playback", "TTSPlaybackState"]

# Of a text whose audio is not complete yet: people say about 14 characters a second.
_CHARACTERS_PER_SECOND = 14


@dataclass(frozen=True)
class TTSPlaybackState:
    """What is being said at a moment.

    Args:
        session_id: To whom.
        text: All of it, as far as it is known.
        voice: Whose voice, by the provider's name.
        started_at: When it was begun, in UTC.
        position_ms: How much has been played.
        total_duration_ms: How long all of it lasts; ``None`` while it is still being synthesised.
        played_text: The words that the caller can have heard.
    """

    session_id: str
    text: str
    voice: str | None
    started_at: datetime
    position_ms: float
    total_duration_ms: float | None
    played_text: str


@dataclass
class _Part:
    text: str
    duration_ns: int = 0
    complete: bool = False

    def played(self, played_ns: int) -> str:
        if self.complete and played_ns >= self.duration_ns:
            return self.text
        if self.complete and self.duration_ns:
            characters = len(self.text) * played_ns // self.duration_ns
        else:
            characters = _CHARACTERS_PER_SECOND * played_ns // 1_000_000_000
        return _whole_words(self.text, characters)


class Playback:
    """Keeps account of one speech.

    Times are nanoseconds of one clock that never goes backwards.
    """

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._sent_ns = 0
        self._until_ns = 0
        self._complete = False

    @property
    def text(self) -> str:
        """All that is to be said, as far as it is known."""
        return "".join(part.text for part in self._parts)

    @property
    def duration_ms(self) -> float | None:
        """How long all of it lasts; ``None`` while that is not known."""
        return self._sent_ns / 1e6 if self._complete else None

    @property
    def until_ns(self) -> int:
        """When what has been sent is played."""
        return self._until_ns

    def begin(self, text: str) -> None:
        """The audio that is sent from now on is that of ``text``."""
        if self._parts:
            self._parts[-1].complete = True
        self._parts.append(_Part(text))

    def sent(self, duration_ns: int, now_ns: int) -> None:
        """More audio was sent."""
        if not self._parts:
            self.begin("")
        self._parts[-1].duration_ns += duration_ns
        self._sent_ns += duration_ns
        self._until_ns = max(now_ns, self._until_ns) + duration_ns

    def complete(self) -> None:
        """All audio was sent."""
        if self._parts:
            self._parts[-1].complete = True
        self._complete = True

    def played_ns(self, now_ns: int) -> int:
        """How much has been played."""
        return self._sent_ns - max(0, self._until_ns - now_ns)

    def played_text(self, now_ns: int) -> str:
        """The words that have been played, the one that is being spoken left out."""
        left_ns, words = self.played_ns(now_ns), ""
        for part in self._parts:
            words += part.played(left_ns)
            left_ns -= part.duration_ns
            if left_ns < 0:
                break
        return words


def _whole_words(text: str, characters: int) -> str:
    """The words of the first ``characters`` that are complete."""
    if characters >= len(text) or text[characters : characters + 1].isspace():
        return text[:characters].rstrip()
    return text[: text.rfind(" ", 0, characters) + 1].rstrip()
