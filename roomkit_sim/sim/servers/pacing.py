"""How speech is sent: in pieces, ahead of its real pace, with the words running before the sound. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Piece", "paced"]


@dataclass(frozen=True)
class Piece:
    """A piece of speech.

    Args:
        at_ms: When it is sent, in milliseconds since the speech begins to be heard; early ones are negative.
        words: The words that are sent before it.
        audio: Its sound.
    """

    at_ms: int
    words: tuple[str, ...]
    audio: bytes


def paced(
    audio: bytes, words: Sequence[tuple[float, str]], *, bytes_per_second: int, chunk_ms: int, lead_ms: int
) -> Iterator[Piece]:
    """Cut speech into pieces.

    Args:
        audio: The whole sound.
        words: Milliseconds and word each, in order; those after the last piece come with it.
        bytes_per_second: Of the audio.
        chunk_ms: Audio in a piece.
        lead_ms: How far a piece is sent ahead.
    """
    chunk = bytes_per_second * chunk_ms // 1000
    starts = range(0, len(audio), chunk)
    sent = 0
    for index, at in enumerate(starts):
        is_last = index == len(starts) - 1
        due = sent
        while due < len(words) and (is_last or words[due][0] <= index * chunk_ms):
            due += 1
        yield Piece(index * chunk_ms - lead_ms, tuple(word for _, word in words[sent:due]), audio[at : at + chunk])
        sent = due
