"""From a context to the arguments of google-genai's ``generate_content``. Pure.

Rules of the API that shape this: the roles are ``user`` and ``model`` only, and nobody has a name; a turn of calls
must be followed by one turn with exactly its results; the thought signature of a part must come back in the part that
it came with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.ai.base import (
    AIContext,
    AIImagePart,
    AIMessage,
    AITextPart,
    AITool,
    AIToolCallPart,
    AIToolResultPart,
)
from roomkit_sim.providers.ai.images import inline_image, mime_type_of
from roomkit_sim.providers.ai.speakers import with_name_in_words
from roomkit_sim.providers.ai.tool_calls import LOCAL_ID, with_paired_results
from roomkit_sim.providers.gemini.ai_config import GeminiConfig

if TYPE_CHECKING:
    from google.genai import types

__all__ = ["THOUGHT_SIGNATURE", "GeminiRequest", "gemini_request"]

THOUGHT_SIGNATURE = "thought_signature"
"""Metadata of a call: its thought signature, in base64."""


@dataclass(frozen=True)
class GeminiRequest:
    """Arguments of ``generate_content``.

    Args:
        model: Which model answers.
        contents: The conversation.
        config: All else.
    """

    model: str
    contents: list[types.Content]
    config: types.GenerateContentConfig


def gemini_request(context: AIContext, settings: GeminiConfig) -> GeminiRequest:
    """What is sent for ``context``.

    System messages inside the conversation go behind the system prompt, in their order: the API knows no such role.

    Raises:
        ConfigurationError: Something in the context cannot be sent: an image that is none, a tool that the SDK refuses.
    """
    try:
        return GeminiRequest(settings.model, _contents(context.messages), _config(context, settings))
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"this cannot be sent to Gemini: {error}") from error


def _config(context: AIContext, settings: GeminiConfig) -> types.GenerateContentConfig:
    from google.genai import types

    given = context.model_fields_set
    own_temperature = settings.temperature is not None and "temperature" not in given
    own_length = settings.max_tokens is not None and "max_tokens" not in given
    budget = settings.thinking_budget
    return types.GenerateContentConfig(
        system_instruction=_instructions(context) or None,
        temperature=settings.temperature if own_temperature else context.temperature,
        max_output_tokens=settings.max_tokens if own_length else context.max_tokens,
        tools=[_tools(context.tools)] if context.tools else None,
        thinking_config=None if budget is None else types.ThinkingConfig(thinking_budget=budget),
        # The tools are run by the agent, which the SDK must not do by itself.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _instructions(context: AIContext) -> str:
    system = [_text_of(message) for message in context.messages if message.role == "system"]
    return "\n\n".join(text for text in [context.system_prompt, *system] if text)


def _text_of(message: AIMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content if isinstance(part, AITextPart))


def _tools(tools: Sequence[AITool]) -> types.Tool:
    from google.genai import types

    declarations = [
        types.FunctionDeclaration(
            name=tool.name,
            description=tool.description,
            # A JSON schema as it stands: `parameters` takes the API's own schema subset, which lacks anyOf with null.
            parameters_json_schema=tool.parameters or {"type": "object", "properties": {}},
        )
        for tool in tools
    ]
    return types.Tool(function_declarations=declarations)


def _contents(messages: Sequence[AIMessage]) -> list[types.Content]:
    from google.genai import types

    local = _local_ids(messages)
    talk = with_paired_results([with_name_in_words(message) for message in messages if message.role != "system"])
    contents = [
        types.Content(role="model" if message.role == "assistant" else "user", parts=_parts(message, local))
        for message in talk
    ]
    return [content for content in contents if content.parts]


def _local_ids(messages: Sequence[AIMessage]) -> frozenset[str]:
    """Ids that the API has never seen; order tells it which result belongs to which call."""
    parts = (part for message in messages if not isinstance(message.content, str) for part in message.content)
    return frozenset(part.id for part in parts if isinstance(part, AIToolCallPart) and part.metadata.get(LOCAL_ID))


def _parts(message: AIMessage, local: frozenset[str]) -> list[types.Part]:
    content = [AITextPart(text=message.content)] if isinstance(message.content, str) else message.content
    return [_part(part, local) for part in content if not isinstance(part, AITextPart) or part.text]


def _part(part: AITextPart | AIImagePart | AIToolCallPart | AIToolResultPart, local: frozenset[str]) -> types.Part:
    from google.genai import types

    match part:
        case AITextPart():
            return types.Part(text=part.text)
        case AIImagePart():
            return _image(part)
        case AIToolCallPart():
            signature = part.metadata.get(THOUGHT_SIGNATURE)
            return types.Part(
                function_call=types.FunctionCall(id=_known(part.id, local), name=part.name, args=part.arguments),
                thought_signature=base64.b64decode(signature) if signature else None,
            )
        case AIToolResultPart():
            response = types.FunctionResponse(
                id=_known(part.tool_call_id, local), name=part.name, response=_result(part.result)
            )
            return types.Part(function_response=response)


def _known(call_id: str, local: frozenset[str]) -> str | None:
    return None if call_id in local else call_id


def _image(image: AIImagePart) -> types.Part:
    from google.genai import types

    inline = inline_image(image)
    if inline is not None:
        return types.Part(inline_data=types.Blob(data=inline.data, mime_type=inline.mime_type))
    return types.Part(file_data=types.FileData(file_uri=image.url, mime_type=mime_type_of(image)))


def _result(text: str) -> dict[str, Any]:
    """A result as the object that the API wants: its own, if it is one, else under the key ``output``."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"output": text}
