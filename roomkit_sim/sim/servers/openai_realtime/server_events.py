"""Builds what the server sends. Names, nesting and order follow events recorded from the service. Pure."""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

__all__ = [
    "Ids",
    "argument_pieces",
    "audio_delta",
    "event",
    "obfuscation",
    "response_body",
    "usage",
    "written_arguments",
]

_ALPHABET = (string.ascii_letters + string.digits).encode()
# From any byte to a letter. Some come a little more often than others, which no id minds.
_LETTER_OF = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_OBFUSCATED_TO = 16


class Ids:
    """Makes ids as the service does: a prefix, and letters and digits.

    Args:
        draw: Where they come from.
    """

    def __init__(self, draw: Random) -> None:
        self._draw = draw

    def new(self, prefix: str, length: int = 21) -> str:
        """A new id."""
        return f"{prefix}_{self.letters(length)}"

    def letters(self, count: int) -> str:
        """So many letters and digits."""
        return self._draw.randbytes(count).translate(_LETTER_OF).decode("ascii")


def event(type: str, event_id: str, fields: Mapping[str, Any]) -> str:
    """An event."""
    return json.dumps({"type": type, "event_id": event_id, **fields}, separators=(",", ":"))


def audio_delta(event_id: str, response_id: str, item_id: str, output_index: int, audio: bytes) -> str:
    """A piece of the model's speech. There are fifty of these a second, so it is put together by hand."""
    return (
        f'{{"type":"response.output_audio.delta","event_id":"{event_id}","response_id":"{response_id}",'
        f'"item_id":"{item_id}","output_index":{output_index},"content_index":0,'
        f'"delta":"{base64.b64encode(audio).decode("ascii")}"}}'
    )


def obfuscation(delta: str, ids: Ids) -> str:
    """Filler that makes deltas of text equally long."""
    return ids.letters(-len(delta) % _OBFUSCATED_TO)


def written_arguments(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call as the model writes them: JSON with white space inside."""
    if not arguments:
        return "{}"
    pairs = ",  \n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in arguments.items())
    return f"{{  \n{pairs} \n}} \n"


def argument_pieces(arguments: str) -> list[str]:
    """Written arguments in the pieces in which they come. Put together they are the arguments."""
    return re.findall(r"\s*\w+|\s*[^\w\s]+|\s+", arguments)


def response_body(
    id: str,
    status: str,
    config: Mapping[str, Any],
    *,
    conversation_id: str | None,
    details: Mapping[str, Any] | None = None,
    output: Sequence[Mapping[str, Any]] = (),
    usage: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A response as ``response.created`` and ``response.done`` show it."""
    return {
        "object": "realtime.response",
        "id": id,
        "status": status,
        "status_details": details,
        "output": list(output),
        "conversation_id": conversation_id,
        "output_modalities": config["output_modalities"],
        "max_output_tokens": config["max_output_tokens"],
        "audio": config["audio"],
        "usage": usage,
        "metadata": config["metadata"],
    }


def usage(text_in: int, audio_in: int, text_out: int, audio_out: int) -> dict[str, Any]:
    """What a response cost, in tokens."""
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }
