"""Transcripts replaced by hashes: what was said is not kept, only that the same was said again. Pure.

A client that puts a transcript into what it sends next, as history does, puts hashes there in a replay. So what it
quotes while it is recorded is replaced by the hashes of the same pieces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from roomkit_sim.sim.cassette.sound import with_value
from roomkit_sim.sim.cassette.span import LABEL
from roomkit_sim.sim.cassette.texts import ends_texts, pieces_of
from roomkit_sim.sim.trace.events import Json

__all__ = ["HashedTranscripts"]

_SHORTEST_QUOTE = 8
_WORDS_OF_NOTES = frozenset({"text", "heard", "transcript", "words"})


def _hash(text: str) -> str:
    if not text or LABEL.fullmatch(text):
        return text
    return f"<words-{hashlib.sha256(text.encode()).hexdigest()[:12]}>"


class HashedTranscripts:
    """Replaces the transcripts of one cassette."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, ...], tuple[str, str]] = {}
        self._quotes: dict[str, str] = {}

    def heard(self, message: Json) -> Json:
        """A message of the server."""
        for piece in list(pieces_of(message)):
            if not piece.is_transcript:
                continue
            label = _hash(piece.text)
            raw, labels = self._open.get(piece.stream, ("", ""))
            self._open[piece.stream] = raw + piece.text, labels + label
            self._quotes.setdefault((raw + piece.text).strip(), labels + label)
            message = with_value(message, piece.path, label)
        if ends_texts(message):
            self._open.clear()
        return self._done(message)

    def quoted(self, message: Json) -> Json:
        """A message of the client."""
        if isinstance(message, dict):
            return {key: self.quoted(item) for key, item in message.items()}
        if isinstance(message, list):
            return [self.quoted(item) for item in message]
        return self._requoted(message) if isinstance(message, str) else message

    def noted(self, data: Mapping[str, Json]) -> dict[str, Json]:
        """What is known of the server."""
        return {
            key: self._in_parts(item) if key in _WORDS_OF_NOTES and isinstance(item, str) else item
            for key, item in data.items()
        }

    def _done(self, value: Json, key: str = "") -> Json:
        if isinstance(value, dict):
            return {name: self._done(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self._done(item, key) for item in value]
        return self._whole(value) if key == "transcript" and isinstance(value, str) else value

    def _whole(self, text: str) -> str:
        plain = text.strip()
        if not plain or not LABEL.sub("", plain):
            return text
        return self._quotes.setdefault(plain, _hash(plain))

    def _in_parts(self, text: str) -> str:
        """What was said before stays recognisable in a text that has more: in what a model knows, for example."""
        if text.strip() in self._quotes or not self._quotes:
            return self._whole(text)
        known = "|".join(map(re.escape, sorted(self._quotes, key=len, reverse=True)))
        parts = [part.strip() for part in re.split(rf"(?<!\w)({known})(?!\w)", text)]
        return " ".join(self._whole(part) for part in parts if part)

    def _requoted(self, text: str) -> str:
        if text.strip() in self._quotes:
            return self._quotes[text.strip()]
        for quote in sorted(self._quotes, key=len, reverse=True):
            if len(quote) >= _SHORTEST_QUOTE and quote in text:
                text = text.replace(quote, self._quotes[quote])
        return text
