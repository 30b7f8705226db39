"""Rough token counts without a tokenizer: about four characters to a token."""

from __future__ import annotations

import math

from roomkit_sim.providers.ai.base import AIContext, AIImagePart, AIMessage, AITextPart, AIToolCallPart

__all__ = ["estimate_context_tokens", "estimate_message_tokens", "estimate_tokens"]

CHARACTERS_PER_TOKEN = 4
MESSAGE_OVERHEAD = 4
IMAGE_TOKENS = 1000


def estimate_tokens(text: str) -> int:
    """Tokens of a text, rounded up."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def estimate_message_tokens(message: AIMessage) -> int:
    """Tokens of a message with its frame."""
    if isinstance(message.content, str):
        return MESSAGE_OVERHEAD + estimate_tokens(message.content)
    total = MESSAGE_OVERHEAD
    for part in message.content:
        if isinstance(part, AIImagePart):
            total += IMAGE_TOKENS
        elif isinstance(part, AITextPart):
            total += estimate_tokens(part.text)
        elif isinstance(part, AIToolCallPart):
            total += estimate_tokens(part.name) + estimate_tokens(str(part.arguments))
        else:
            total += estimate_tokens(part.result)
    return total


def estimate_context_tokens(context: AIContext) -> int:
    """Tokens of all that a model is given: prompt, messages and tools."""
    prompt = estimate_tokens(context.system_prompt or "")
    tools = sum(estimate_tokens(tool.model_dump_json()) for tool in context.tools)
    return prompt + tools + sum(estimate_message_tokens(message) for message in context.messages)
