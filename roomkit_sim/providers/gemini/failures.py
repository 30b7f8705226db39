"""From the exceptions of the SDK and of websockets to ours. Pure.

The SDK turns every close of the socket, clean or not, into ``google.genai.errors.APIError(code)``; a refused upgrade
comes as ``websockets.exceptions.InvalidStatus``; an unknown frame is a bare ``TypeError``.
"""

from __future__ import annotations

from roomkit_sim.errors import ProviderError, ProviderProtocolError
from roomkit_sim.providers.realtime.failures import (
    PERMANENT_CLOSES,
    closed_by_server,
    connection_failure,
    http_refusal,
    http_status,
)

__all__ = ["PROVIDER", "to_provider_error"]

PROVIDER = "gemini"

_PERMANENT_CLOSES = PERMANENT_CLOSES | {1011}


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
        return closed_by_server(code, getattr(error, "details", None), PROVIDER, doing, permanent=_PERMANENT_CLOSES)
    if isinstance(error, TypeError | ValueError | KeyError | AttributeError):
        return ProviderProtocolError(
            f"gemini, while {doing}: the server sent something that the SDK does not understand "
            f"({type(error).__name__}); the message was skipped",
            provider=PROVIDER,
        )
    return connection_failure(error, PROVIDER, doing)
