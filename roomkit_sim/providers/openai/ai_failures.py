"""From the exceptions of the openai SDK to ours. Pure.

``APIStatusError`` is a response that is no success; ``APIConnectionError`` (``APITimeoutError``) is what goes wrong
below HTTP; a bare ``APIError`` is an error that came inside a stream that had begun well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from roomkit_sim.errors import ProviderError
from roomkit_sim.providers.ai.http_failures import (
    connection_error,
    http_error,
    is_below_http,
    not_understood,
    without_secrets,
)
from roomkit_sim.providers.ai.retry import Failure, retry_after_seconds

__all__ = ["openai_failure"]

PROVIDER = "openai"
DOING = "answering"

_PERMANENT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Come as 429, but no pause helps."""


def openai_failure(error: Exception, secret: str, now: datetime) -> Failure:
    """What an exception means.

    Args:
        error: What the SDK raised.
        secret: The API key, kept out of the message.
        now: The date, for pauses that are asked for until a date.
    """
    if isinstance(error, ProviderError):
        return Failure(error)
    names = {kind.__name__ for kind in type(error).__mro__}
    if "APIConnectionError" in names or is_below_http(error):
        return Failure(connection_error(error, provider=PROVIDER, doing=DOING, secrets=(secret,)))
    if "APIStatusError" in names:
        return _status_failure(error, secret, now)
    if type(error).__module__.partition(".")[0] == "openai" and "APIError" in names:
        return Failure(_error_in_stream(error, secret))
    return Failure(not_understood(error, provider=PROVIDER, doing=DOING, secrets=(secret,)))


def _status_failure(error: Exception, secret: str, now: datetime) -> Failure:
    status = int(getattr(error, "status_code", 0))
    headers = getattr(getattr(error, "response", None), "headers", None)
    mapped = http_error(
        status,
        _detail(error),
        provider=PROVIDER,
        doing=DOING,
        retryable=False if getattr(error, "code", None) in _PERMANENT_CODES else None,
        secrets=(secret,),
    )
    return Failure(mapped, retry_after_seconds(headers, now) if isinstance(headers, Mapping) else None)


def _detail(error: Exception) -> str:
    """What the service said; the SDK's own text repeats the status and the whole body."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, Mapping) else None
    return str(message) if message else str(getattr(error, "message", ""))


def _error_in_stream(error: Exception, secret: str) -> ProviderError:
    permanent = getattr(error, "code", None) in _PERMANENT_CODES or getattr(error, "type", None) in (
        "invalid_request_error",
        "authentication_error",
    )
    said = without_secrets(_detail(error), (secret,))
    return ProviderError(
        f"openai, while {DOING}: the service failed in the middle of its answer (it says: {said})",
        retryable=not permanent,
        provider=PROVIDER,
    )
