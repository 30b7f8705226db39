"""Cuts text that arrives in pieces into sentences, so that the first can be spoken while the rest is being written.

The sentences put together are the text, character by character: nothing is lost, nothing is normalised.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from roomkit_sim.models.stream import Pause

__all__ = ["SentenceSplitter", "sentences_of", "split_stream"]

# The end of a sentence: its mark, closing quotes, and white space; or the ideographic marks, which need no space; or a
# line break. A decimal point or an address is not followed by white space.
_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]+[”’」』）]*\s*|\n+\s*")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|etc|approx|No)|\b[A-Z])\.\s+$")
_LONGEST = 400


class SentenceSplitter:
    """Takes text in any pieces and gives it back in sentences.

    Args:
        min_chars: Shorter sentences are joined with the next one, so that "Yes." is not spoken on its own.
    """

    def __init__(self, min_chars: int = 12) -> None:
        self._min_chars = min_chars
        self._rest = ""

    def feed(self, piece: str) -> list[str]:
        """The sentences that ``piece`` completes, white space after them included. A pause completes what there is."""
        if isinstance(piece, Pause):
            return self.flush()
        self._rest += piece
        sentences: list[str] = []
        while (length := self._sentence_length()) is not None:
            sentences.append(self._rest[:length])
            self._rest = self._rest[length:]
        return sentences

    def flush(self) -> list[str]:
        """What is left when the text has ended."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []

    def _sentence_length(self) -> int | None:
        for end in _END.finditer(self._rest):
            # White space at the very end may go on in the next piece; it belongs to this sentence. An end beyond the
            # longest sentence comes too late: had the text come letter by letter, it would have been cut before.
            if end.end() == len(self._rest) or end.end() > _LONGEST:
                break
            if end.end() >= self._min_chars and not _ABBREVIATION.search(self._rest[: end.end()]):
                return end.end()
        if len(self._rest) <= _LONGEST:
            return None
        space = self._rest.rfind(" ", 0, _LONGEST)
        return space + 1 if space > 0 else _LONGEST


def sentences_of(text: str, min_chars: int = 12) -> list[str]:
    """The sentences of a text; put together they are the text."""
    splitter = SentenceSplitter(min_chars)
    return [*splitter.feed(text), *splitter.flush()]


async def split_stream(pieces: AsyncIterator[str], min_chars: int = 12) -> AsyncIterator[str]:
    """The sentences of a text that is being written, each as soon as it is complete."""
    splitter = SentenceSplitter(min_chars)
    async for piece in pieces:
        for sentence in splitter.feed(piece):
            yield sentence
    for rest in splitter.flush():
        yield rest
