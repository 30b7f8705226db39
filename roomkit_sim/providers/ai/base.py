"""What an AI provider is given and gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
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
    """One turn of the conversation that the model is shown."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[AITextPart | AIImagePart | AIToolCallPart | AIToolResultPart]


class AIToolCall(BaseModel):
    """A call that the model wants made."""

    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class AIContext(BaseModel):
    """All that a model is given for one answer."""

    messages: list[AIMessage] = Field(default_factory=list)
    system_prompt: str | None = None
    temperature: float = 0.7
    max_tokens: int = 1024
    tools: list[AITool] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)


class AIResponse(BaseModel):
    """A model's answer: words, calls, or both."""

    content: str = ""
    tool_calls: list[AIToolCall] = Field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)


class AIProvider(ABC):
    """A model behind a text interface."""

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

    async def generate_stream(self, context: AIContext) -> AsyncIterator[str]:
        """Answer in pieces; by default in one."""
        yield (await self.generate(context)).content

    async def close(self) -> None:  # noqa: B027 - optional
        """Release connections."""
