"""Names of speakers, for models whose interface has no place for them. Pure."""

from __future__ import annotations

from roomkit_sim.providers.ai.base import AIMessage, AITextPart

__all__ = ["named", "with_name_in_words"]


def named(text: str, name: str | None) -> str:
    """The words of a speaker, who is named before them."""
    return text if name is None else f"[{name}]: {text}".rstrip()


def with_name_in_words(message: AIMessage) -> AIMessage:
    """The message of a named user, with the name before its first words; every other as it is."""
    if message.name is None or message.role != "user" or not message.content:
        return message
    if isinstance(message.content, str):
        return message.model_copy(update={"content": named(message.content, message.name), "name": None})
    first, *rest = message.content
    if isinstance(first, AITextPart):
        first = AITextPart(text=named(first.text, message.name))
        return message.model_copy(update={"content": [first, *rest], "name": None})
    label = AITextPart(text=named("", message.name))
    return message.model_copy(update={"content": [label, *message.content], "name": None})
