"""Exceptions of the openai SDK as ours; those that its service causes are in tests/providers/ai/test_remote.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
import pytest

from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError
from roomkit_sim.providers.openai.ai_failures import openai_failure

NOW = datetime(2030, 1, 1, tzinfo=UTC)
REQUEST = httpx2.Request("POST", "https://api.openai.com/v1/chat/completions")


def refused(status: int, code: str | None = None, message: str = "no", **headers: str) -> openai.APIStatusError:
    response = httpx2.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()}, request=REQUEST)
    return openai.APIStatusError(message, response=response, body={"message": message, "code": code})


def in_stream(**body: Any) -> openai.APIError:
    return openai.APIError("An error occurred during streaming", REQUEST, body=body)


def test_pauses_that_are_asked_for_are_read() -> None:
    assert openai_failure(refused(429, retry_after="7"), "k", NOW).retry_after_seconds == 7.0
    assert openai_failure(refused(429, retry_after_ms="70"), "k", NOW).retry_after_seconds == 0.07


def test_a_quota_that_is_used_up_is_not_asked_for_again() -> None:
    assert openai_failure(refused(429, "rate_limit_exceeded"), "k", NOW).error.retryable
    assert not openai_failure(refused(429, "insufficient_quota"), "k", NOW).error.retryable


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (openai.APIConnectionError(request=REQUEST), ProviderConnectionError, True),
        (openai.APITimeoutError(request=REQUEST), ProviderConnectionError, True),
        (httpx2.RemoteProtocolError("cut"), ProviderConnectionError, True),
        (in_stream(message="overloaded", type="server_error"), ProviderError, True),
        (in_stream(message="bad", type="invalid_request_error"), ProviderError, False),
        (ValueError("not JSON"), ProviderProtocolError, False),
        (ProviderError("own"), ProviderError, False),
    ],
)
def test_what_the_sdk_raises_becomes_ours(error: Exception, kind: type[ProviderError], retryable: bool) -> None:
    mapped = openai_failure(error, "k", NOW).error
    assert (type(mapped), mapped.retryable) == (kind, retryable)


def test_the_key_is_in_no_message() -> None:
    secret = "sk-proj-SecretSecret1234"
    masked = "Incorrect API key provided: sk-proj-************1234."
    errors = (refused(401, message=f"bad {secret}"), refused(401, message=masked), in_stream(message=secret))
    for error in errors:
        text = str(openai_failure(error, secret, NOW).error)
        assert secret not in text
        assert "1234" not in text
