"""Builds what the server sends. Names, nesting and order follow frames recorded from the service. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "GENERATION_COMPLETE",
    "INTERRUPTED",
    "SETUP_COMPLETE",
    "audio",
    "go_away",
    "input_transcription",
    "kind_of",
    "merged",
    "not_resumable",
    "output_transcription",
    "resumable",
    "tool_call",
    "tool_call_cancellation",
    "turn_complete",
]

TOKENS_PER_SECOND_OF_AUDIO = 25

_HEAD = re.compile(rb'\{"(\w+)":(?:\{"(\w+)")?')


def _frame(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


SETUP_COMPLETE = _frame({"setupComplete": {}})
GENERATION_COMPLETE = _frame({"serverContent": {"generationComplete": True}})
INTERRUPTED = _frame({"serverContent": {"interrupted": True}})


def audio(pcm: bytes) -> bytes:
    """A piece of the model's speech, PCM16 mono at 24 kHz: one inline part, no role."""
    data = base64.b64encode(pcm)
    return (
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"'
        + data
        + b'"}}]}}}'
    )


def input_transcription(text: str) -> bytes:
    """A piece of the caller's words."""
    return _frame({"serverContent": {"inputTranscription": {"text": text}}})


def output_transcription(text: str) -> bytes:
    """A piece of the model's words; all but the first begin with a blank."""
    return _frame({"serverContent": {"outputTranscription": {"text": text}}})


def turn_complete(prompt_tokens: int, audio_ms: int) -> bytes:
    """The end of a turn, with what it cost."""
    spoken = audio_ms * TOKENS_PER_SECOND_OF_AUDIO // 1000
    usage = {
        "promptTokenCount": prompt_tokens,
        "responseTokenCount": spoken,
        "totalTokenCount": prompt_tokens + spoken,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt_tokens}],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": spoken}],
    }
    return _frame({"serverContent": {"turnComplete": True}, "usageMetadata": usage})


def tool_call(calls: Sequence[tuple[str, str, Mapping[str, Any]]]) -> bytes:
    """Calls of one moment: (id, name, arguments) each."""
    return _frame({"toolCall": {"functionCalls": [{"name": name, "args": args, "id": id} for id, name, args in calls]}})


def tool_call_cancellation(ids: Iterable[str]) -> bytes:
    """Calls that need no answer any more."""
    return _frame({"toolCallCancellation": {"ids": list(ids)}})


def resumable(handle: str) -> bytes:
    """A handle with which the conversation can be gone on with, as it is now."""
    return _frame({"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})


def not_resumable() -> bytes:
    """At this moment the conversation cannot be resumed."""
    return _frame({"sessionResumptionUpdate": {"resumable": False}})


def go_away(time_left_ms: int) -> bytes:
    """The server will close the connection after this time."""
    return _frame({"goAway": {"timeLeft": f"{time_left_ms / 1000:g}s"}})


def kind_of(frame: bytes) -> str:
    """What a frame of this module is: its first key, and for content and updates of handles the first key in that.

    Such as ``toolCall``, ``serverContent.modelTurn`` or ``sessionResumptionUpdate.newHandle``.
    """
    found = _HEAD.match(frame)
    if found is None:
        return ""
    outer, inner = (key.decode() if key else "" for key in found.groups())
    return f"{outer}.{inner}" if outer in ("serverContent", "sessionResumptionUpdate") else outer


def merged(first: bytes, second: bytes) -> bytes | None:
    """Two frames as one; nothing where both say the same thing, or the second would be said before the first."""
    one, other = json.loads(first), json.loads(second)
    content = {**one.get("serverContent", {}), **other.get("serverContent", {})}
    shared = [key for key in one if key in other and key != "serverContent"]
    parts = len(one.get("serverContent", {})) + len(other.get("serverContent", {}))
    if shared or parts != len(content):
        return None
    both = {**one, **other}
    return _frame({**both, "serverContent": content} if content else both)
