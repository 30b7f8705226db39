"""A model for tests: answers what it is told to, one answer after the other, and from the beginning again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from roomkit_sim.providers.ai.base import AIContext, AIProvider, AIResponse

__all__ = ["MockAIProvider"]


class MockAIProvider(AIProvider):
    """Scripted answers.

    Args:
        responses: Texts to answer with.
        ai_responses: Whole answers, tool calls included; takes the place of ``responses``.
        vision: Whether it claims to see pictures.
        streaming: Whether it claims to stream.
    """

    __test__ = False

    def __init__(
        self,
        responses: Sequence[str] | None = None,
        ai_responses: Sequence[AIResponse] | None = None,
        *,
        vision: bool = False,
        streaming: bool = False,
    ) -> None:
        texts = responses or ["Mock response"]
        self.responses = list(ai_responses or [AIResponse(content=text) for text in texts])
        self.calls: list[AIContext] = []
        self.supports_vision = vision
        self._streaming = streaming

    @property
    def model_name(self) -> str:
        """Which model answers."""
        return "mock"

    @property
    def supports_streaming(self) -> bool:
        """What it was told to claim."""
        return self._streaming

    async def generate(self, context: AIContext) -> AIResponse:
        """The next answer."""
        self.calls.append(context.model_copy(deep=True))
        return self.responses[(len(self.calls) - 1) % len(self.responses)].model_copy(deep=True)

    async def generate_stream(self, context: AIContext) -> AsyncIterator[str]:
        """The next answer, word by word."""
        answer = await self.generate(context)
        for word in answer.content.split(" "):
            yield f"{word} "
