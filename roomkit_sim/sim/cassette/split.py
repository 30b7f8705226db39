"""Secrets that a service says in several messages: a number in three pieces of a transcript. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from roomkit_sim.sim.cassette.model import Close, Event, Frame, Loss, Note, Plain, Sound
from roomkit_sim.sim.cassette.sound import value_at, with_value
from roomkit_sim.sim.cassette.span import Span
from roomkit_sim.sim.cassette.texts import Piece, ends_texts, pieces_of, replaced
from roomkit_sim.sim.trace.events import Json

__all__ = ["SplitTexts"]


@dataclass
class SplitTexts:
    """Knows the pieces of texts as they came, until their whole can be looked at.

    Args:
        find: The places of a text that are to be replaced, and by what.
        clean: A text with them replaced, which may be JSON.
    """

    find: Callable[[str], list[tuple[Span, str]]]
    clean: Callable[[str], str]
    # By identity of the clean message, which is kept here so that the identity stays its own.
    _seen: dict[int, tuple[Json, list[Piece]]] = field(default_factory=dict)

    def seen(self, clean: Json, message: Json) -> None:
        """A message was cleaned."""
        pieces = list(pieces_of(message))
        if pieces:
            self._seen[id(clean)] = (clean, pieces)

    def cleaned(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """The events of a connection, with texts cleaned as a whole."""
        result = list(events)
        open_texts: dict[tuple[str, ...], list[tuple[int, Piece]]] = {}
        for place, event in enumerate(events):
            message = _message(event)
            if message is None or not isinstance(event, Frame) or event.way != "received":
                continue
            for piece in self._pieces(message):
                open_texts.setdefault(piece.stream, []).append((place, piece))
            if ends_texts(message):
                for text in open_texts.values():
                    self._replace(result, text)
                open_texts.clear()
        for text in open_texts.values():
            self._replace(result, text)
        return tuple(result)

    def again(self, event: Event, clean: Callable[[Json], Json]) -> Event:
        """An event, looked at once more."""
        match event:
            case Frame(body=Plain() | Sound()):
                message = _message(event)
                after = clean(message)
                return event if after == message else _with_message(event, after)
            case Note(data=data):
                after = clean(dict(data))
                return replace(event, data=after) if isinstance(after, dict) else event
            case Close(reason=reason):
                return replace(event, reason=str(clean(reason)))
            case Loss(error=str(error)):
                return replace(event, error=str(clean(error)))
            case _:
                return event

    def _pieces(self, message: Json) -> list[Piece]:
        known = self._seen.get(id(message))
        return list(pieces_of(message)) if known is None else known[1]

    def _replace(self, events: list[Event], text: Sequence[tuple[int, Piece]]) -> None:
        pieces = [piece.text for _, piece in text]
        joined = "".join(pieces)
        if _is_json(joined):
            # Labels must not break it, so it comes at once.
            after = self.clean(joined)
            clean = pieces if after == joined else [after, *([""] * (len(pieces) - 1))]
        else:
            clean = replaced(pieces, self.find(joined))
        for (place, piece), words in zip(text, clean, strict=True):
            event = events[place]
            assert isinstance(event, Frame)
            message = _message(event)
            if value_at(message, piece.path) != words:
                events[place] = _with_message(event, with_value(message, piece.path, words))


def _is_json(text: str) -> bool:
    if text[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _message(event: Event) -> Json:
    match event:
        case Frame(body=Plain(message)):
            return message
        case Frame(body=Sound(like=message)):
            return message
        case _:
            return None


def _with_message(event: Event, message: Json) -> Event:
    assert isinstance(event, Frame)
    body = event.body
    if isinstance(body, Sound):
        return replace(event, body=replace(body, like=message))
    return replace(event, body=Plain(message))
