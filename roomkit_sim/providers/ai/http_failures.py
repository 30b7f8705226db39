"""From what goes wrong with an HTTP API to our errors, without secrets. Pure.

A response that is no success, what fails below HTTP, and what an SDK does not understand; what is a service's own, and
where its SDK puts it, is in the modules of the providers.
"""

from __future__ import annotations

from collections.abc import Iterable

from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError

__all__ = [
    "RETRYABLE_STATUSES",
    "connection_error",
    "http_error",
    "is_below_http",
    "not_understood",
    "without_secrets",
]

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""What may be different next time: time-outs, conflicts, quotas by the minute, overload."""

MAX_DETAIL_CHARS = 300

_HTTP_LIBRARIES = ("httpx2", "httpcore2", "httpx", "httpcore", "aiohttp", "anyio", "ssl")

_ADVICE = {
    400: "the request is not acceptable",
    401: "the API key is not accepted: check it",
    403: "the API key may not use this model or service",
    404: "there is no such model, or no such address: check model and base_url",
    413: "the request is too large: shorten the conversation",
    429: "too many requests: wait, or ask for more quota",
}


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every secret replaced; also one of which a service shows only the beginning and the end.

    Args:
        text: Any text that a provider wrote: some quote the key that they refuse.
        secrets: The keys.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
            text = _without_quoted_key(text, secret)
    return text


def _without_quoted_key(text: str, secret: str) -> str:
    """Masked quotations, such as ``sk-ab****wxyz``, begin as the key does and hold asterisks or dots."""
    words = text.split(" ")
    masked = [
        "[key]" if ("**" in word or "..." in word) and word.strip("'\"(").startswith(secret[:3]) else word
        for word in words
    ]
    return " ".join(masked)


def http_error(
    status: int, detail: str, *, provider: str, doing: str, retryable: bool | None = None, secrets: Iterable[str] = ()
) -> ProviderError:
    """The error for a response that is not a success.

    Args:
        status: The HTTP status.
        detail: What the service said.
        provider: Whose service, such as ``"openai"``.
        doing: What was asked for, for the message.
        retryable: Overrides what the status means.
        secrets: Kept out of the message.
    """
    advice = _ADVICE.get(status, "the service failed" if status >= 500 else "the service refused the request")
    said = without_secrets(" ".join(detail.split()), secrets)
    said = said if len(said) <= MAX_DETAIL_CHARS else said[:MAX_DETAIL_CHARS] + "…"
    return ProviderError(
        f"{provider}, while {doing}: HTTP {status}: {advice}" + (f" (it says: {said})" if said else ""),
        retryable=status in RETRYABLE_STATUSES if retryable is None else retryable,
        provider=provider,
        status_code=status,
    )


def is_below_http(error: BaseException) -> bool:
    """Whether a request failed before there was a response. Told by the module: the SDKs choose the HTTP library."""
    return type(error).__module__.partition(".")[0] in _HTTP_LIBRARIES or isinstance(error, OSError)


def connection_error(
    error: BaseException, *, provider: str, doing: str, secrets: Iterable[str] = ()
) -> ProviderConnectionError:
    """The error for a request that failed before there was a response; it may succeed the next time.

    Args:
        error: What an SDK or its HTTP library raised; the exception that it was raised from says more, if there is one.
        provider: Whose service, such as ``"openai"``.
        doing: What was asked for, for the message.
        secrets: Kept out of the message.
    """
    timed_out = isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
    cause = error.__cause__ or error
    said = without_secrets(str(cause), secrets) or type(cause).__name__
    return ProviderConnectionError(
        f"{provider}, while {doing}: {'no answer in time' if timed_out else 'the connection failed: ' + said}",
        retryable=True,
        provider=provider,
    )


def not_understood(
    error: BaseException, *, provider: str, doing: str, secrets: Iterable[str] = ()
) -> ProviderProtocolError:
    """The error for an exception of an SDK that is none of those that it describes. Arguments as above."""
    said = without_secrets(f"{type(error).__name__}: {error}", secrets)[:MAX_DETAIL_CHARS]
    return ProviderProtocolError(
        f"{provider}, while {doing}: the SDK does not understand what came ({said})", provider=provider
    )
