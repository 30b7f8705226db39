"""The items of a conversation, as clients create them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from roomkit_sim.sim.servers.mind import Stimulus
from roomkit_sim.sim.servers.openai_realtime.fields import (
    Check,
    anything,
    list_of,
    one_of,
    record,
    tagged,
    text,
)
from roomkit_sim.sim.servers.openai_realtime.refusals import invalid_value

__all__ = ["Item", "checked_item"]


@dataclass
class Item:
    """One item.

    Args:
        body: As it stands on the wire.
        audio_ms: How much speech it holds.
        spoken: What is said in it, as far as the conversation remembers it.
        stimulus: What a mind makes of it.
    """

    body: dict[str, Any]
    audio_ms: int = 0
    spoken: str = ""
    stimulus: Stimulus | None = None

    @property
    def id(self) -> str:
        """Of the item."""
        return str(self.body["id"])

    @property
    def type(self) -> str:
        """``message``, ``function_call`` or ``function_call_output``."""
        return str(self.body["type"])

    @property
    def is_of_assistant(self) -> bool:
        """Whether the model said or did it."""
        return self.type == "function_call" or self.body.get("role") == "assistant"

    @property
    def words(self) -> str:
        """What is written or transcribed in it."""
        if self.type == "function_call_output":
            return str(self.body["output"])
        parts = self.body.get("content") or ()
        return " ".join((*(str(part["text"]) for part in parts if "text" in part), self.spoken)).strip()


def _id(value: Any, path: str) -> str:
    if not 0 < len(text(value, path)) <= 32:
        raise invalid_value(path, "an id has 1 to 32 characters")
    return str(value)


def _message(*parts: tuple[str, Check]) -> Check:
    common = {
        "id": _id,
        "object": one_of("realtime.item"),
        "type": text,
        "status": one_of("completed", "incomplete", "in_progress"),
        "role": text,
    }
    content = list_of(tagged("type", dict(parts)))
    return record({**common, "content": content}, required=("role", "content"))


_INPUT_TEXT = ("input_text", record({"type": text, "text": text}, required=("text",)))
_INPUT_AUDIO = ("input_audio", record({"type": text, "audio": anything, "transcript": text}, required=("audio",)))
_INPUT_IMAGE = ("input_image", record({"type": text, "image_url": text, "detail": one_of("auto", "low", "high")}))
_OUTPUT_TEXT = ("output_text", record({"type": text, "text": text}, required=("text",)))
# The service's own words: assistant audio cannot be put into a conversation.
_MESSAGE = tagged(
    "role",
    {
        "user": _message(_INPUT_TEXT, _INPUT_AUDIO, _INPUT_IMAGE),
        "assistant": _message(_OUTPUT_TEXT),
        "system": _message(_INPUT_TEXT),
    },
)
_COMMON: Mapping[str, Check] = {
    "id": _id,
    "object": one_of("realtime.item"),
    "type": text,
    "status": one_of("completed", "incomplete", "in_progress"),
}
_ITEM = tagged(
    "type",
    {
        "message": _MESSAGE,
        "function_call": record(
            {**_COMMON, "name": text, "call_id": text, "arguments": text}, required=("name", "arguments")
        ),
        "function_call_output": record({**_COMMON, "call_id": text, "output": text}, required=("call_id", "output")),
    },
)


def checked_item(value: Any, path: str, new_id: Callable[[str, int], str]) -> dict[str, Any]:
    """An item as the service keeps it, with the fields in its order.

    Args:
        value: As the client sent it.
        path: Where it stands in the event.
        new_id: Makes an id from its prefix and its length.

    Raises:
        Refusal: The item is not what the service takes.
    """
    item = _ITEM(value, path)
    head = {"id": item.pop("id", None) or new_id("item", 21), "type": item.pop("type")}
    item.pop("object", None)
    item.pop("status", None)
    if head["type"] == "function_call_output":
        return {**head, **item}
    if head["type"] == "function_call":
        item.setdefault("call_id", new_id("call", 16))
    return {**head, "status": "completed", **item}
