"""From a context to the arguments of openai's ``chat.completions.create``. Pure.

Rules of the API that shape this: a tool is an object of type ``function``; every call of an assistant message must be
followed by a ``tool`` message with its id; only users show pictures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from roomkit_sim.providers.ai.base import (
    AIContext,
    AIImagePart,
    AIMessage,
    AITextPart,
    AITool,
    AIToolCallPart,
    AIToolResultPart,
)
from roomkit_sim.providers.ai.images import inline_image
from roomkit_sim.providers.ai.speakers import with_name_in_words
from roomkit_sim.providers.ai.tool_calls import with_paired_results
from roomkit_sim.providers.openai.ai_config import OpenAIConfig

__all__ = ["RAW_ARGUMENTS", "openai_request"]

_NOT_IN_NAMES = re.compile(r"[\s<|\\/>]+")
_LONGEST_NAME = 64

RAW_ARGUMENTS = "raw_arguments"
"""Metadata of a call: its arguments as the model wrote them, when they could not be read."""


def openai_request(context: AIContext, settings: OpenAIConfig) -> dict[str, Any]:
    """What is sent for ``context``.

    Raises:
        ConfigurationError: An image's ``data:`` address is not legible.
    """
    given = context.model_fields_set
    own_temperature = settings.temperature is not None and "temperature" not in given
    own_length = settings.max_tokens is not None and "max_tokens" not in given
    request: dict[str, Any] = {
        "model": settings.model,
        "messages": _messages(context, send_names=settings.send_names),
        settings.max_tokens_parameter: settings.max_tokens if own_length else context.max_tokens,
    }
    if settings.takes_temperature:
        request["temperature"] = settings.temperature if own_temperature else context.temperature
    if settings.reasoning_effort is not None:
        request["reasoning_effort"] = settings.reasoning_effort
    if context.tools:
        request["tools"] = [_tool(tool) for tool in context.tools]
    return request


def _tool(tool: AITool) -> dict[str, Any]:
    """Not strict: strict mode would make every optional parameter a required one."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _messages(context: AIContext, *, send_names: bool) -> list[dict[str, Any]]:
    messages = context.messages if send_names else [with_name_in_words(message) for message in context.messages]
    system = [{"role": "system", "content": context.system_prompt}] if context.system_prompt else []
    talk = [sent for message in with_paired_results(messages) for sent in _message(message)]
    return [*system, *talk]


def _message(message: AIMessage) -> Iterable[dict[str, Any]]:
    if isinstance(message.content, str):
        yield {"role": message.role, **_name(message), "content": message.content}
        return
    match message.role:
        case "tool":
            for part in message.content:
                if isinstance(part, AIToolResultPart):
                    yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.result}
        case "user":
            yield {"role": "user", **_name(message), "content": [_user_part(part) for part in message.content]}
        case "system":
            yield {"role": "system", "content": _words(message.content)}
        case "assistant":
            yield _assistant(message.content)


def _name(message: AIMessage) -> dict[str, str]:
    """The speaker's name as the API takes it: without spaces and signs of markup, 64 characters at most."""
    name = _NOT_IN_NAMES.sub("_", message.name or "")[:_LONGEST_NAME]
    return {"name": name} if name and message.role == "user" else {}


def _assistant(content: Sequence[Any]) -> dict[str, Any]:
    calls = [_call(part) for part in content if isinstance(part, AIToolCallPart)]
    words = _words(content)
    sent: dict[str, Any] = {"role": "assistant", "content": words if words or not calls else None}
    return {**sent, "tool_calls": calls} if calls else sent


def _call(call: AIToolCallPart) -> dict[str, Any]:
    arguments = call.metadata.get(RAW_ARGUMENTS, json.dumps(call.arguments))
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _user_part(part: AITextPart | AIImagePart | AIToolCallPart | AIToolResultPart) -> dict[str, Any]:
    match part:
        case AIImagePart():
            inline_image(part)
            return {"type": "image_url", "image_url": {"url": part.url}}
        case AITextPart():
            return {"type": "text", "text": part.text}
        case AIToolResultPart():
            return {"type": "text", "text": part.result}
        case AIToolCallPart():
            return {"type": "text", "text": f"{part.name}({json.dumps(part.arguments)})"}


def _words(content: Sequence[Any]) -> str:
    return "\n".join(part.text for part in content if isinstance(part, AITextPart))
