"""From the exceptions of the SDK and of websockets to ours. Pure.

The SDK turns every close of the socket, clean or not, into ``google.genai.errors.APIError(code)``; a refused upgrade
comes as ``websockets.exceptions.InvalidStatus``; an unknown frame is a bare ``TypeError``.
"""

from __future__ import annotations

from roomkit_sim.errors import ProviderConnectionError, ProviderError, ProviderProtocolError
from roomkit_sim.providers.realtime.failures import CLEAN_CLOSE, connection_failure, http_refusal, http_status

__all__ = ["PROVIDER", "to_provider_error"]

PROVIDER = "gemini"

_PERMANENT_CLOSES = frozenset({1002, 1003, 1007, 1008, 1009, 1010, 1011})


def to_provider_error(error: BaseException, doing: str) -> ProviderError:
    """Map a foreign exception.

    Args:
        error: What the SDK or websockets raised.
        doing: What was being done, for the message: ``"connecting"``.
    """
    if isinstance(error, ProviderError):
        return error
    status = http_status(error)
    if status is not None:
        return http_refusal(status, PROVIDER, doing)
    # Only of the SDK's own: to ask an exception of websockets for its code is deprecated, and warned of.
    code = getattr(error, "code", None) if type(error).__module__.startswith("google.genai") else None
    if isinstance(code, int):
        return _close_error(code, getattr(error, "details", None), doing)
    if isinstance(error, TypeError | ValueError | KeyError | AttributeError):
        return ProviderProtocolError(
            f"gemini, while {doing}: the server sent something that the SDK does not understand "
            f"({type(error).__name__}); the message was skipped",
            provider=PROVIDER,
        )
    return connection_failure(error, PROVIDER, doing)


def _close_error(code: int, details: object, doing: str) -> ProviderError:
    reason = f" ({details})" if isinstance(details, str) and details else ""
    return ProviderConnectionError(
        f"gemini, while {doing}: the server closed the connection with code {code}{reason}",
        retryable=code not in _PERMANENT_CLOSES and code != CLEAN_CLOSE,
        provider=PROVIDER,
        status_code=code,
    )
