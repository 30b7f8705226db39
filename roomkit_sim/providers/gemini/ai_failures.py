"""From the exceptions of google-genai's text interface to ours. Pure.

A failed request is ``google.genai.errors.APIError`` with the HTTP status as its code; what goes wrong below HTTP comes
as an exception of the HTTP library that the SDK chose.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from roomkit_sim.errors import ProviderError
from roomkit_sim.providers.ai.http_failures import connection_error, http_error, is_below_http, not_understood
from roomkit_sim.providers.ai.retry import Failure, retry_after_seconds

__all__ = ["gemini_failure"]

PROVIDER = "gemini"
DOING = "answering"


def gemini_failure(error: Exception, secret: str, now: datetime) -> Failure:
    """What an exception means.

    Args:
        error: What the SDK raised.
        secret: The API key, kept out of the message.
        now: The date, for pauses that are asked for until a date.
    """
    if isinstance(error, ProviderError):
        return Failure(error)
    if is_below_http(error):
        return Failure(connection_error(error, provider=PROVIDER, doing=DOING, secrets=(secret,)))
    code = getattr(error, "code", None)
    if isinstance(code, int) and type(error).__module__.startswith("google.genai"):
        detail = str(getattr(error, "message", None) or getattr(error, "status", None) or "")
        mapped = http_error(code, detail, provider=PROVIDER, doing=DOING, secrets=(secret,))
        return Failure(mapped, _asked_pause(error, now))
    return Failure(not_understood(error, provider=PROVIDER, doing=DOING, secrets=(secret,)))


def _asked_pause(error: Exception, now: datetime) -> float | None:
    """The pause in the error's ``google.rpc.RetryInfo``, else in the headers of the response."""
    delay = _retry_info(getattr(error, "details", None))
    if delay is not None:
        return delay
    headers = getattr(getattr(error, "response", None), "headers", None)
    return retry_after_seconds(headers, now) if isinstance(headers, Mapping) else None


def _retry_info(body: Any) -> float | None:
    inner = body.get("error") if isinstance(body, dict) else None
    details = inner.get("details") if isinstance(inner, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
            try:
                return float(str(detail.get("retryDelay", "")).removesuffix("s"))
            except ValueError:
                return None
    return None
