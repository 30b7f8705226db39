"""Exceptions of google-genai as ours; those that its service causes are in tests/providers/ai/test_remote.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from google.genai import errors

from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError
from roomkit_sim.providers.gemini.ai_failures import gemini_failure

NOW = datetime(2030, 1, 1, tzinfo=UTC)
INFO = "type.googleapis.com/google.rpc.RetryInfo"


def failed(status: int, **error: Any) -> errors.APIError:
    body = {"error": {"code": status, "message": "quota", "status": "RESOURCE_EXHAUSTED", **error}}
    return errors.APIError(status, body, httpx2.Response(status, headers={"retry-after": "9"}))


def test_the_delay_in_the_body_goes_before_that_in_the_headers() -> None:
    details = [{"@type": "other"}, {"@type": INFO, "retryDelay": "18.5s"}]
    assert gemini_failure(failed(429, details=details), "k", NOW).retry_after_seconds == 18.5
    assert gemini_failure(failed(429), "k", NOW).retry_after_seconds == 9.0


@pytest.mark.parametrize("details", [None, "text", [7], [{"@type": INFO}], [{"@type": INFO, "retryDelay": "soon"}]])
def test_illegible_details_break_nothing(details: Any) -> None:
    failure = gemini_failure(failed(429, details=details), "k", NOW)
    assert failure.retry_after_seconds in (9.0, None)
    assert failure.error.status_code == 429


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (httpx2.ConnectError("refused"), ProviderConnectionError, True),
        (errors.UnknownApiResponseError("not JSON"), ProviderProtocolError, False),
        (ProviderError("own"), ProviderError, False),
    ],
)
def test_what_the_sdk_raises_becomes_ours(error: Exception, kind: type[ProviderError], retryable: bool) -> None:
    mapped = gemini_failure(error, "k", NOW).error
    assert (type(mapped), mapped.retryable) == (kind, retryable)


def test_the_key_is_in_no_message() -> None:
    secret = "AIzaSecretSecret"
    for error in (httpx2.ConnectError(f"to ?key={secret}"), ValueError(secret), failed(400, message=f"bad {secret}")):
        assert secret not in str(gemini_failure(error, secret, NOW).error)
