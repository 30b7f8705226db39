"""From the exceptions of google-genai's text interface to ours. Pure.

A failed request is ``google.genai.errors.APIError`` with the HTTP status as its code; what goes wrong below HTTP comes
as an exception of httpx2 (or httpx, or aiohttp), told by its module because the SDK chooses the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError
from roomkit_sim.providers.ai.http_failures import http_error, without_secrets
from roomkit_sim.providers.ai.retry import Failure, retry_after_seconds

__all__ = ["gemini_failure"]

PROVIDER = "gemini"
DOING = "answering"

_HTTP_LIBRARIES = ("httpx2", "httpcore2", "httpx", "httpcore", "aiohttp", "anyio", "ssl")


def gemini_failure(error: Exception, secret: str, now: datetime) -> Failure:
    """What an exception means.

    Args:
        error: What the SDK raised.
        secret: The API key, kept out of the message.
        now: The date, for pauses that are asked for until a date.
    """
    if isinstance(error, ProviderError):
        return Failure(error)
    library = type(error).__module__.partition(".")[0]
    if library in _HTTP_LIBRARIES or isinstance(error, OSError):
        return Failure(_connection_error(error, secret))
    code = getattr(error, "code", None)
    if isinstance(code, int) and type(error).__module__.startswith("google.genai"):
        detail = str(getattr(error, "message", None) or getattr(error, "status", None) or "")
        mapped = http_error(code, detail, provider=PROVIDER, doing=DOING, secrets=(secret,))
        return Failure(mapped, _asked_pause(error, now))
    said = without_secrets(f"{type(error).__name__}: {error}", (secret,))[:300]
    return Failure(
        ProviderProtocolError(
            f"gemini, while {DOING}: the SDK does not understand what came ({said})", provider=PROVIDER
        )
    )


def _connection_error(error: Exception, secret: str) -> ProviderConnectionError:
    timed_out = isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
    said = without_secrets(str(error), (secret,)) or type(error).__name__
    return ProviderConnectionError(
        f"gemini, while {DOING}: {'no answer in time' if timed_out else 'the connection failed: ' + said}",
        retryable=True,
        provider=PROVIDER,
    )


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
