"""What an AI provider is given and gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal

from pydantic import BaseModel, Field

from roomkit_sim.errors import ProviderError

__all__ = [
    "AIContext",
    "AIImagePart",
    "AIMessage",
    "AIProvider",
    "AIResponse",
    "AITextPart",
    "AITool",
    "AIToolCall",
    "AIToolCallPart",
    "AIToolResultPart",
    "ProviderError",
]


class AITool(BaseModel):
    """A function that the model may call; ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class AITextPart(BaseModel):
    """Words."""

    type: Literal["text"] = "text"
    text: str


class AIImagePart(BaseModel):
    """A picture by its address."""

    type: Literal["image"] = "image"
    url: str
    mime_type: str | None = None


class AIToolCallPart(BaseModel):
    """A call that the model made earlier."""

    type: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class AIToolResultPart(BaseModel):
    """The result of a call."""

    type: Literal["tool_result"] = "tool_result"
    tool_call_id: str
    name: str
    result: str


class AIMessage(BaseModel):
    """One turn of the conversation that the model is shown.

    ``name`` is who speaks, of a user's turn that is not the person's: another agent. Providers show it to the model.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[AITextPart | AIImagePart | AIToolCallPart | AIToolResultPart]
    name: str | None = None


class AIToolCall(BaseModel):
    """A call that the model wants made.

    ``arguments_error`` says why its arguments could not be read; such a call is not made, the model is told instead.
    ``metadata`` is the provider's own and comes back to it with the conversation (:class:`AIToolCallPart`).
    """

    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    arguments_error: str | None = None


class AIContext(BaseModel):
    """All that a model is given for one answer."""

    messages: list[AIMessage] = Field(default_factory=list)
    system_prompt: str | None = None
    temperature: float = 0.7
    max_tokens: int = 1024
    tools: list[AITool] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)


class AIResponse(BaseModel):
    """A model's answer: words, calls, or both.

    ``finish_reason`` is ``"stop"``, ``"length"``, ``"tool_calls"``, ``"content_filter"`` or, in lower case, what else
    the provider said. ``usage`` counts tokens: ``input_tokens``, ``output_tokens`` (reasoning included),
    ``total_tokens``, ``cached_tokens``, ``reasoning_tokens``; what the provider does not tell is absent.
    """

    content: str = ""
    tool_calls: list[AIToolCall] = Field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class AIProvider(ABC):
    """A model behind a text interface."""

    supports_vision: bool = False
    """Whether it understands :class:`AIImagePart`."""

    @property
    def name(self) -> str:
        """Name for reports."""
        return type(self).__name__

    @property
    @abstractmethod
    def model_name(self) -> str:
        """Which model answers."""

    @property
    def supports_streaming(self) -> bool:
        """Whether :meth:`generate_stream` gives words before the answer is complete."""
        return False

    @abstractmethod
    async def generate(self, context: AIContext) -> AIResponse:
        """Answer.

        Raises:
            ProviderError: The provider failed.
        """

    async def stream_response(self, context: AIContext) -> AsyncGenerator[str | AIResponse, None]:
        """Answer in pieces of text as they come, and at last with the whole answer; by default in one piece.

        Close the iterator (``contextlib.aclosing``) when it is left early: that ends the request.

        Raises:
            ProviderError: The provider failed, perhaps after some pieces.
        """
        response = await self.generate(context)
        if response.content:
            yield response.content
        yield response

    async def generate_stream(self, context: AIContext) -> AsyncIterator[str]:
        """The words of :meth:`stream_response`."""
        async with aclosing(self.stream_response(context)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield piece

    async def close(self) -> None:  # noqa: B027 - optional
        """Release connections."""
