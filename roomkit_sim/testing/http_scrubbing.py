"""Takes secrets and persons out of recorded HTTP exchanges, and keeps the times of their pieces. Pure."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.cassette.scrubbing import SecretScrubber
from roomkit_sim.sim.cassette.sound import value_at, with_value
from roomkit_sim.sim.cassette.texts import replaced

__all__ = ["clean_body", "clean_uri", "moved", "plain_body"]

Path = tuple[str | int, ...]
_SPOKEN = frozenset({"content", "text", "delta", "arguments"})
"""Fields of a stream's events whose texts go on from one event to the next."""

_EVENT = re.compile(r".*?(?:\r?\n\r?\n|$)", re.DOTALL)
_DATA = re.compile(r"^data: ?(\{.*\})\s*$", re.MULTILINE)


def clean_uri(scrubber: SecretScrubber, uri: str) -> str:
    """An address without secrets, and without the port: that is another each time on loopback."""
    parts = urlsplit(uri)
    clean = scrubber.url(urlunsplit(("", "", parts.path, parts.query, "")))
    return f"{parts.scheme}://{parts.hostname or ''}{clean}"


def plain_body(body: bytes, encoding: str) -> bytes:
    """A body as it was before it was compressed.

    Raises:
        CassetteError: It is compressed in a way that cannot be looked into.
    """
    try:
        match encoding.strip().lower():
            case "" | "identity":
                return body
            case "gzip" | "x-gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
    except (OSError, zlib.error, EOFError) as error:
        raise CassetteError(f"a response's body is said to be {encoding} and is not ({error})") from error
    raise CassetteError(
        f"a response's body is compressed with {encoding!r} and cannot be scrubbed: ask for another encoding"
    )


def clean_body(scrubber: SecretScrubber, body: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """A body without secrets; events of a stream are read together as well as each by itself.

    Args:
        scrubber: Of the cassette.
        body: Not compressed. What is no text stays as it is.

    Returns:
        The body, and where its parts began and begin: pairs of places in the old and the new one, with both ends.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body, [(0, 0), (len(body), len(body))]
    events = [found[0] for found in _EVENT.finditer(text) if found[0]] if _DATA.search(text) else [text]
    clean = _clean_events(scrubber, events) if _DATA.search(text) else [scrubber.text(text)]
    places = [(0, 0)]
    for old, new in zip(events, clean, strict=True):
        places.append((places[-1][0] + len(old.encode()), places[-1][1] + len(new.encode())))
    return "".join(clean).encode(), places


def moved(sizes: list[int], places: list[tuple[int, int]]) -> list[int]:
    """The sizes of a body's pieces after it was cleaned: they end where they ended, or at the end of a shorter part."""
    result, end, before = [], 0, 0
    for size in sizes:
        end += size
        at = max(index for index, (old, _) in enumerate(places) if old <= end)
        old, new = places[at]
        limit = places[min(at + 1, len(places) - 1)][1]
        now = min(new + end - old, limit) if end > old else new
        result.append(now - before)
        before = now
    if result:
        result[-1] += places[-1][1] - before
    return result


def _clean_events(scrubber: SecretScrubber, events: list[str]) -> list[str]:
    messages = [_message(event) for event in events]
    clean: list[Any] = [None if message is None else scrubber.frame("received", message) for message in messages]
    texts: dict[Path, list[tuple[int, str]]] = {}
    for number, message in enumerate(messages):
        for path, words in _spoken(message, ()):
            texts.setdefault(path, []).append((number, words))
    for path, pieces in texts.items():
        clean_pieces = replaced([piece for _, piece in pieces], scrubber.found("".join(piece for _, piece in pieces)))
        for (number, _), piece in zip(pieces, clean_pieces, strict=True):
            if value_at(clean[number], path) != piece and len(pieces) > 1:
                clean[number] = with_value(clean[number], path, piece)
    return [
        scrubber.text(event) if message is None else event if new == message else _with_data(event, new)
        for event, message, new in zip(events, messages, clean, strict=True)
    ]


def _message(event: str) -> dict[str, Any] | None:
    found = _DATA.findall(event)
    if len(found) != 1:
        return None
    try:
        message = json.loads(found[0])
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _with_data(event: str, message: Mapping[str, Any]) -> str:
    text = json.dumps(message, ensure_ascii=False)
    return _DATA.sub(lambda found: found[0].replace(found[1], text), event)


def _spoken(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and key in _SPOKEN:
                yield (*path, key), item
            else:
                yield from _spoken(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _spoken(item, (*path, index))
