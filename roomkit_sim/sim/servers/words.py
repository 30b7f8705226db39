"""The words of what is said, in the pieces in which a service sends them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["TRANSCRIPT_AHEAD_MS", "timed", "tokens_of", "words_of"]

TRANSCRIPT_AHEAD_MS = 200


def words_of(text: str) -> list[str]:
    """A text in words, all but the first with a leading blank."""
    return [word if index == 0 else f" {word}" for index, word in enumerate(text.split())]


def tokens_of(text: str) -> list[str]:
    """A text in words and punctuation marks; blanks stand before them. Put together they are the text."""
    return re.findall(r"\s*[\w']+|\s*[^\w\s]|\s+$", text)


def timed(pieces: Sequence[str], length_ms: float, ahead_ms: float = TRANSCRIPT_AHEAD_MS) -> list[tuple[float, str]]:
    """Pieces of a text with the times at which they are sent.

    Args:
        pieces: The text.
        length_ms: How long it takes to speak.
        ahead_ms: How far the words run before the sound.

    Returns:
        Milliseconds since the sound began, negative ones before it, and the piece.
    """
    step = length_ms / max(1, len(pieces))
    return [(index * step - ahead_ms, piece) for index, piece in enumerate(pieces)]
