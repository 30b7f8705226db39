"""Texts that a service sends in pieces: transcripts, answers, function arguments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roomkit_sim.sim.cassette.model import AudioPath
from roomkit_sim.sim.cassette.sound import PLACEHOLDER, value_at
from roomkit_sim.sim.cassette.span import Span
from roomkit_sim.sim.trace.events import Json

__all__ = ["Piece", "ends_texts", "pieces_of", "replaced"]

_GEMINI = ("inputTranscription", "outputTranscription", "input_transcription", "output_transcription")
_ENDS = ("turnComplete", "interrupted", "turn_complete")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text.

    Args:
        stream: Of which text.
        path: Where in the message.
        text: What it says.
        is_transcript: Whether it writes down what somebody said.
        by_caller: Whether that was the caller.
    """

    stream: tuple[str, ...]
    path: AudioPath
    text: str
    is_transcript: bool
    by_caller: bool = False


def pieces_of(message: Json) -> Iterator[Piece]:
    """The pieces in a message of a service."""
    if not isinstance(message, dict):
        return
    kind, delta = message.get("type"), message.get("delta")
    if isinstance(kind, str) and kind.endswith("delta") and isinstance(delta, str) and delta != PLACEHOLDER:
        item = str(message.get("item_id", message.get("call_id", "")))
        index = str(message.get("content_index", ""))
        is_input = "input_audio_transcription" in kind
        yield Piece((kind, item, index), ("delta",), delta, "transcript" in kind, is_input)
    for key in ("serverContent", "server_content"):
        content = message.get(key)
        if isinstance(content, dict):
            yield from _of_gemini(key, content)


def _of_gemini(key: str, content: Mapping[str, Json]) -> Iterator[Piece]:
    for name in _GEMINI:
        text = value_at(content.get(name), ("text",))
        if isinstance(text, str):
            yield Piece((name,), (key, name, "text"), text, is_transcript=True, by_caller=name.startswith("input"))
    for turn in ("modelTurn", "model_turn"):
        parts = value_at(content.get(turn), ("parts",))
        for index, part in enumerate(parts if isinstance(parts, list) else []):
            text = value_at(part, ("text",))
            if isinstance(text, str):
                yield Piece((turn,), (key, turn, "parts", index, "text"), text, is_transcript=False)


def ends_texts(message: Json) -> bool:
    """Whether what a service says after this message is another text. OpenAI's texts have ids instead."""
    content = message.get("serverContent", message.get("server_content")) if isinstance(message, dict) else None
    return isinstance(content, dict) and any(content.get(key) for key in _ENDS)


def replaced(pieces: Sequence[str], spans: Sequence[tuple[Span, str]]) -> list[str]:
    """Pieces of a text with places of the whole replaced: what stands for one begins where it began.

    Args:
        pieces: The text.
        spans: Places in it, apart and in order, with what is to stand there.
    """
    result: list[str] = []
    begin = 0
    for piece in pieces:
        end, made, at = begin + len(piece), "", begin
        for span, label in spans:
            if span.end <= begin or span.start >= end:
                continue
            made += piece[at - begin : max(span.start, begin) - begin]
            if span.start >= begin:
                made += label
            at = min(span.end, end)
        result.append(made + piece[at - begin :])
        begin = end
    return result
