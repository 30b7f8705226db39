"""A place in a text that is to be taken out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["LABEL", "REMOVED", "Span", "apart", "masked"]

REMOVED = "<removed>"
"""Stands for a secret whose identity matters to nobody."""

LABEL = re.compile(r"<(?:removed|[a-z]+-\d+|words-[0-9a-f]{12})>")
"""What a scrubber leaves: it is left alone ever after."""


@dataclass(frozen=True, slots=True)
class Span:
    """One place.

    Args:
        start: Its first character.
        end: The character after its last.
        kind: What stands there, such as ``"email"``.
    """

    start: int
    end: int
    kind: str


def apart(spans: Iterable[Span]) -> list[Span]:
    """Those that overlap no earlier one of the sequence, in the order of the text."""
    kept: list[Span] = []
    for span in spans:
        if span.start < span.end and all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


def masked(text: str, spans: Iterable[Span] = ()) -> str:
    """The text with ``<`` in place of labels and spans: no pattern of a secret has it, and no place moves."""
    text = LABEL.sub(lambda found: "<" * len(found[0]), text)
    for span in spans:
        text = text[: span.start] + "<" * (span.end - span.start) + text[span.end :]
    return text
