"""From the exceptions of the SDK and of websockets to ours. Pure.

The SDK turns every close of the socket, clean or not, into ``google.genai.errors.APIError(code)``; a refused upgrade
comes as ``websockets.exceptions.InvalidStatus``; an unknown frame is a bare ``TypeError``.
"""

from __future__ import annotations

from enum import StrEnum

from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError

__all__ = ["FailureKind", "classify", "to_provider_error"]

PROVIDER = "gemini"

_CLEAN_CLOSE = 1000
_PERMANENT_CLOSES = frozenset({1002, 1003, 1007, 1008, 1009, 1010, 1011})
_RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class FailureKind(StrEnum):
    """What a failure means for the next attempt.

    ``CLOSED``: the provider ended the session on purpose. ``TRANSIENT``: the same again may succeed. ``REFUSED``: what
    was sent is not acceptable; the same again will be refused again. ``DENIED``: the credentials are.
    """

    CLOSED = "closed"
    TRANSIENT = "transient"
    REFUSED = "refused"
    DENIED = "denied"


def classify(error: ProviderError) -> FailureKind:
    """What a mapped error means for the next attempt."""
    code = error.status_code
    if code in (401, 403):
        return FailureKind.DENIED
    if code == _CLEAN_CLOSE:
        return FailureKind.CLOSED
    return FailureKind.TRANSIENT if error.retryable else FailureKind.REFUSED


def to_provider_error(error: BaseException, doing: str) -> ProviderError:
    """Map a foreign exception.

    Args:
        error: What the SDK or websockets raised.
        doing: What was being done, for the message: ``"connecting"``.
    """
    if isinstance(error, ProviderError):
        return error
    status = _http_status(error)
    if status is not None:
        return _http_error(status, doing)
    code = getattr(error, "code", None)
    if isinstance(code, int) and type(error).__module__.startswith("google.genai"):
        return _close_error(code, getattr(error, "details", None), doing)
    if isinstance(error, TypeError | ValueError | KeyError | AttributeError):
        return ProviderProtocolError(
            f"gemini, while {doing}: the server sent something that the SDK does not understand "
            f"({type(error).__name__}); the message was skipped",
            provider=PROVIDER,
        )
    text = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return ProviderConnectionError(
        f"gemini, while {doing}: {text}", retryable=True, provider=PROVIDER, status_code=_lost_code(error)
    )


def _http_status(error: BaseException) -> int | None:
    """The status of an ``InvalidStatus``, told by its shape: websockets is imported by the SDK only."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _http_error(status: int, doing: str) -> ProviderError:
    advice = {
        401: "the API key is not accepted: check it",
        403: "the API key may not use this model or service",
        429: "too many requests: wait, or ask for more quota",
    }.get(status, "the server refused the WebSocket upgrade")
    return ProviderConnectionError(
        f"gemini, while {doing}: HTTP {status}: {advice}",
        retryable=status in _RETRYABLE_STATUSES,
        provider=PROVIDER,
        status_code=status,
    )


def _close_error(code: int, details: object, doing: str) -> ProviderError:
    reason = f" ({details})" if isinstance(details, str) and details else ""
    return ProviderConnectionError(
        f"gemini, while {doing}: the server closed the connection with code {code}{reason}",
        retryable=code not in _PERMANENT_CLOSES and code != _CLEAN_CLOSE,
        provider=PROVIDER,
        status_code=code,
    )


def _lost_code(error: BaseException) -> int | None:
    received = getattr(error, "rcvd", None)
    code = getattr(received, "code", None)
    return code if isinstance(code, int) else None
