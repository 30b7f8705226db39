"""What is taken out of a recording before it is kept.

Everything passes here on its way into memory that is written, and what a client says in a replay passes here before it
is compared with the recording. So a scrubber must give the same for the same, and leave alone what it gave itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from roomkit_sim.sim.cassette.field_names import kind_of_field
from roomkit_sim.sim.cassette.labels import Labels
from roomkit_sim.sim.cassette.model import Event, Way
from roomkit_sim.sim.cassette.rules import Rules
from roomkit_sim.sim.cassette.secrets import KnownValues, find
from roomkit_sim.sim.cassette.span import LABEL, REMOVED, Span
from roomkit_sim.sim.cassette.split import SplitTexts
from roomkit_sim.sim.cassette.transcripts import HashedTranscripts
from roomkit_sim.sim.trace.events import Json

__all__ = ["REMOVED", "Scrubber", "SecretScrubber", "clean_bytes"]

_DEEPEST_JSON = 6
_LONGEST_LEARNED = 4096
_MOST_REMEMBERED = 4096
_LONGEST_REMEMBERED = 400

_kind_of_field = lru_cache(maxsize=4096)(kind_of_field)


class Scrubber(Protocol):
    """Takes secrets and persons out. One is used for one cassette."""

    def url(self, path: str) -> str:
        """A path with its query."""
        ...

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of a handshake, names in lower case."""
        ...

    def frame(self, way: Way, message: Json) -> Json:
        """A JSON message; audio is taken out of it already, and is not passed."""
        ...

    def text(self, text: str) -> str:
        """Any other text: a close reason, a message that is no JSON."""
        ...

    def note(self, kind: str, data: Mapping[str, Json]) -> dict[str, Json]:
        """What is known of the server beside its messages."""
        ...

    def whole(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """All that passed on a connection, when it has: what no message shows by itself."""
        ...


def clean_bytes(scrubber: Scrubber, payload: bytes) -> bytes:
    """A message that is no JSON."""
    try:
        return scrubber.text(payload.decode()).encode()
    except UnicodeDecodeError:
        # Text may stand between bytes that are none; each byte is one character here.
        return scrubber.text(payload.decode("latin-1")).encode("latin-1", "replace")


class SecretScrubber:
    """Knows secrets and persons by names of fields, by form, and by value; leaves labels in their stead.

    A label says the kind and which one of its kind, in the order in which they came: ``<email-2>``. The same value has
    the same label throughout a cassette. What a field's name alone calls secret becomes ``<removed>``. A resumption
    handle is a secret that the client must give back: in a replay the client gets the label and gives that back.

    Args:
        rules: What is scrubbed beyond what is known by its form.
        on_found: Told the kind of each thing that is taken out.
    """

    def __init__(self, rules: Rules | None = None, *, on_found: Callable[[str], None] = lambda kind: None) -> None:
        self._rules = rules or Rules()
        self._labels = Labels(self._rules.keep)
        self._known = KnownValues((value, "secret") for value in self._rules.values)
        self._on_found = on_found
        self._has_learned = False
        self._remembered: dict[str, str] = {}
        self._split = SplitTexts(self.found, self.text)
        self._hashed = HashedTranscripts() if self._rules.transcripts == "hash" else None

    def url(self, path: str) -> str:
        """Values of secret parameters are replaced, and whatever is found anywhere in it."""
        # google-genai dials //ws/..., which would be read as a host.
        parts = urlsplit("/" + path.lstrip("/"))
        pairs = [
            (self._key(name), str(self._clean(value, name)))
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        way = "/".join(self._segment(segment) for segment in parts.path.split("/"))
        return urlunsplit(("", "", way, urlencode(pairs, safe="<>:/,"), ""))

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Values of secret headers are replaced, and whatever is found in the others."""
        return {name: str(self._clean(value, name)) for name, value in headers.items()}

    def frame(self, way: Way, message: Json) -> Json:
        """Values of secret fields are replaced, handles labelled, and whatever is found in any text."""
        hashed = self._hashed
        if hashed is not None:
            message = hashed.quoted(message) if way == "sent" else hashed.heard(message)
        clean = self._clean(message)
        self._split.seen(clean, message)
        return clean

    def text(self, text: str) -> str:
        """Whatever is found in it."""
        known = self._remembered.get(text)
        if known is not None:
            return known
        clean = self._nested(text, 0)
        if len(text) <= _LONGEST_REMEMBERED and len(self._remembered) < _MOST_REMEMBERED:
            self._remembered[text] = clean
        return clean

    def note(self, kind: str, data: Mapping[str, Json]) -> dict[str, Json]:
        """As a message."""
        clean = self._clean(dict(data) if self._hashed is None else self._hashed.noted(data))
        assert isinstance(clean, dict)
        return clean

    def whole(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """What was split over several messages, and values that were known as secret only later."""
        joined = self._split.cleaned(events)
        return tuple(self._split.again(event, self._clean) for event in joined) if self._has_learned else joined

    def found(self, text: str) -> list[tuple[Span, str]]:
        """The places of a text that are replaced, in order, and by what."""
        return [(span, self._label(span.kind, text[span.start : span.end])) for span in self._spans(text)]

    def _spans(self, text: str) -> list[Span]:
        spans = find(text, self._known, self._rules.patterns)
        return [span for span in spans if not self._labels.keeps(text[span.start : span.end])]

    def _clean(self, value: Json, key: str = "", depth: int = 0) -> Json:
        if isinstance(value, dict):
            # {"client_secret": {"value": ...}}: the name is outside, the secret inside.
            outer = _kind_of_field(key) == "secret"
            clean: dict[str, Json] = {}
            for name, item in value.items():
                new = self._key(name)
                while new in clean:
                    new += "'"
                clean[new] = self._clean(item, key if outer and name == "value" else name, depth)
            return clean
        if isinstance(value, list):
            return [self._clean(item, key, depth) for item in value]
        if isinstance(value, bool) or value is None or isinstance(value, float) or value == "":
            return value
        kind = _kind_of_field(key) or ("secret" if key in self._rules.fields else None)
        if isinstance(value, int):
            return self._number(value, kind)
        if kind is not None and (by_name := self._by_name(kind, value)) != value:
            return by_name
        return self.text(value) if depth == 0 else self._nested(value, depth)

    def _key(self, name: str) -> str:
        return self.text(name) if len(name) > 5 else name

    def _number(self, value: int, kind: str | None) -> Json:
        text = str(abs(value))
        if kind is not None and kind != "handle" and len(text) >= (3 if kind == "secret" else 7):
            return self._label(kind, text) if kind != "secret" else self._removed(text)
        spans = self._spans(text) if len(text) >= 13 else []
        return self._label("card", text) if any(span.kind == "card" for span in spans) else value

    def _by_name(self, kind: str, value: str) -> str:
        if LABEL.fullmatch(value) or self._labels.keeps(value):
            return value
        if kind == "secret":
            return self._removed(value)
        if kind == "handle":
            return self._label(kind, value)
        # "unknown", or a name: a number of a person has digits, an address has its sign.
        holds = "@" in value if kind == "email" else sum(character.isdecimal() for character in value) >= 5
        return self._label(kind, value) if holds and not LABEL.search(value) else value

    def _removed(self, value: str) -> str:
        self._learn(value, "secret")
        self._on_found("secret")
        return REMOVED

    def _label(self, kind: str, value: str) -> str:
        self._on_found(kind)
        if kind == "handle":
            self._learn(value, kind)
        return REMOVED if kind == "secret" else self._labels.label(kind, self._known.value_of(value))

    def _learn(self, value: str, kind: str) -> None:
        """What was called secret once is secret wherever it stands, if nobody would write it for another reason."""
        looks_random = 16 <= len(value) <= _LONGEST_LEARNED and any(map(str.isdigit, value)) and not LABEL.search(value)
        if looks_random and not any(map(str.isspace, value)) and self._known.add(value, kind):
            self._has_learned = True
            self._remembered.clear()

    def _nested(self, text: str, depth: int) -> str:
        """A text, which may be JSON with secrets of its own."""
        if text[:1] in ("{", "[") and depth < _DEEPEST_JSON:
            try:
                inside = json.loads(text)
            except (ValueError, RecursionError):
                return self._plain(text)
            clean = self._clean(inside, depth=depth + 1)
            return text if clean == inside else json.dumps(clean, ensure_ascii=False)
        return self._plain(text)

    def _plain(self, text: str) -> str:
        clean, begin = "", 0
        for span, label in self.found(text):
            clean += text[begin : span.start] + label
            begin = span.end
        return clean + text[begin:]

    def _segment(self, segment: str) -> str:
        plain = unquote(segment)
        clean = self.text(plain)
        return segment if clean == plain else quote(clean, safe="<>:,$")
