"""Settings of the OpenAI text provider."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.retry import PATIENT_AS_A_PERSON

__all__ = ["OpenAIConfig"]

_REASONING_MODELS = ("o1", "o3", "o4", "gpt-5", "gpt-6")


class OpenAIConfig(BaseModel):
    """How to reach OpenAI or a service that speaks its chat completions, and which model answers.

    Unknown settings are refused: one that is silently ignored is a fault that nobody finds.

    Args:
        api_key: Of the service; never shown.
        model: Such as ``"gpt-4o"``.
        temperature: For contexts that do not set one; an agent's always do.
        max_tokens: The same for the length of an answer, in tokens.
        send_temperature: Whether the model takes a temperature; ``None`` is: unless it is one of OpenAI's reasoning
            models, which refuse it.
        max_tokens_parameter: The name that the service gives to the length: OpenAI's, or the older one that some others
            still want.
        send_names: Whether the service takes the name of a speaker as such, where one is known: that of another agent.
            If not, it is told in the words.
        include_stream_usage: Whether to ask for token counts in streams; some services do not know how.
        reasoning_effort: Such as ``"low"``; sent when given.
        base_url: Where else the API is, such as ``"http://127.0.0.1:8000/v1"``.
        timeout_seconds: For each request.
        retry: How often, and with which pauses, a failed request is repeated. By default briefly: a person waits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr = Field(min_length=1)
    model: str = "gpt-4o"
    temperature: float | None = None
    max_tokens: int | None = Field(default=None, gt=0)
    send_temperature: bool | None = None
    max_tokens_parameter: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    send_names: bool = True
    include_stream_usage: bool = True
    reasoning_effort: str | None = None
    base_url: str | None = None
    timeout_seconds: float = Field(default=60.0, gt=0)
    retry: RetryPolicy = PATIENT_AS_A_PERSON

    @property
    def takes_temperature(self) -> bool:
        """Whether the model is sent a temperature."""
        if self.send_temperature is not None:
            return self.send_temperature
        return not self.model.startswith(_REASONING_MODELS)
