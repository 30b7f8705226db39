"""From the exceptions of websockets to ours, and what a failure means for the next attempt. Pure."""

from __future__ import annotations

from enum import StrEnum

from roomkit_sim.errors import ProviderConnectionError, ProviderError

__all__ = [
    "PERMANENT_CLOSES",
    "FailureKind",
    "classify",
    "close_code",
    "closed_by_server",
    "connection_failure",
    "http_refusal",
    "http_status",
]

PERMANENT_CLOSES = frozenset({1002, 1003, 1007, 1008, 1009, 1010})
"""Codes (RFC 6455, section 7.4.1) of a server that does not take what it was sent."""

_CLEAN_CLOSE = 1000
_RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class FailureKind(StrEnum):
    """What a failure means for the next attempt.

    ``CLOSED``: the provider ended the session on purpose. ``TRANSIENT``: the same again may succeed. ``UNANSWERED``:
    so it may, but all that is known is that nothing came in time. ``REFUSED``: what was sent is not acceptable; the
    same again will be refused again. ``DENIED``: the credentials are.
    """

    CLOSED = "closed"
    TRANSIENT = "transient"
    UNANSWERED = "unanswered"
    REFUSED = "refused"
    DENIED = "denied"


def classify(error: ProviderError) -> FailureKind:
    """What a mapped error, raised from the foreign one, means for the next attempt."""
    code = error.status_code
    if code in (401, 403):
        return FailureKind.DENIED
    if code == _CLEAN_CLOSE:
        return FailureKind.CLOSED
    if not error.retryable:
        return FailureKind.REFUSED
    return FailureKind.UNANSWERED if isinstance(error.__cause__, TimeoutError) else FailureKind.TRANSIENT


def http_status(error: BaseException) -> int | None:
    """The status of an ``InvalidStatus``, told by its shape: websockets is imported by the SDKs only."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def http_refusal(status: int, provider: str, doing: str) -> ProviderConnectionError:
    """The WebSocket upgrade was refused."""
    advice = {
        401: "the API key is not accepted: check it",
        403: "the API key may not use this model or service",
        429: "too many requests: wait, or ask for more quota",
    }.get(status, "the server refused the WebSocket upgrade")
    return ProviderConnectionError(
        f"{provider}, while {doing}: HTTP {status}: {advice}",
        retryable=status in _RETRYABLE_STATUSES,
        provider=provider,
        status_code=status,
    )


def connection_failure(error: BaseException, provider: str, doing: str) -> ProviderConnectionError:
    """The connection is gone, or did not come about, for a reason that may pass."""
    text = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return ProviderConnectionError(
        f"{provider}, while {doing}: {text}", retryable=True, provider=provider, status_code=close_code(error)
    )


def closed_by_server(
    code: int, reason: object, provider: str, doing: str, *, permanent: frozenset[int] = PERMANENT_CLOSES
) -> ProviderConnectionError:
    """The server closed the connection.

    Args:
        code: Of its close frame.
        reason: The text in it, if any.
        provider: Whose service.
        doing: What was being done, for the message.
        permanent: Codes after which the same will be refused again.
    """
    because = f" ({reason})" if isinstance(reason, str) and reason else ""
    return ProviderConnectionError(
        f"{provider}, while {doing}: the server closed the connection with code {code}{because}",
        retryable=code not in permanent and code != _CLEAN_CLOSE,
        provider=provider,
        status_code=code,
    )


def close_code(error: BaseException) -> int | None:
    """The code of the close frame that the server sent, if it sent one."""
    code = getattr(getattr(error, "rcvd", None), "code", None)
    return code if isinstance(code, int) else None
