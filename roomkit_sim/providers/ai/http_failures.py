"""From the status of an HTTP response to our errors, without secrets. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from roomkit_sim.errors import ProviderError

__all__ = ["RETRYABLE_STATUSES", "http_error", "without_secrets"]

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""What may be different next time: time-outs, conflicts, quotas by the minute, overload."""

MAX_DETAIL_CHARS = 300

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
