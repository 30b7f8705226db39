"""Settings of the Gemini text provider."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from roomkit_sim.models.channel import RetryPolicy
from roomkit_sim.providers.ai.retry import PATIENT_AS_A_PERSON

__all__ = ["GeminiConfig"]


class GeminiConfig(BaseModel):
    """How to reach Gemini, and which model answers.

    Unknown settings are refused: one that is silently ignored is a fault that nobody finds.

    Args:
        api_key: Of the Gemini API; never shown.
        model: Such as ``"gemini-2.5-flash"``.
        temperature: For contexts that do not set one; an agent's always do.
        max_tokens: The same for the length of an answer, in tokens.
        thinking_budget: Tokens that the model may think for; 0 is none, ``None`` is the model's default.
        base_url: Where else the API is.
        timeout_seconds: For each request.
        retry: How often, and with which pauses, a failed request is repeated. By default briefly: a person waits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_key: SecretStr = Field(min_length=1)
    model: str = "gemini-2.5-flash"
    temperature: float | None = None
    max_tokens: int | None = Field(default=None, gt=0)
    thinking_budget: int | None = None
    base_url: str | None = None
    timeout_seconds: float = Field(default=60.0, gt=0)
    retry: RetryPolicy = PATIENT_AS_A_PERSON
