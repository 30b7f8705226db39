"""What goes wrong on a Realtime connection, as our errors. Pure.

The SDK passes on what websockets raises: ``InvalidStatus`` for a refused upgrade, ``ConnectionClosedError`` and
``ConnectionClosedOK`` for a close. The service's own complaints are ``error`` events and leave the connection open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from roomkit_sim.errors import ProviderConnectionError, ProviderError
from roomkit_sim.providers.realtime.events import WireEvent
from roomkit_sim.providers.realtime.failures import close_code, closed_by_server, connection_failure, http_refusal
from roomkit_sim.providers.realtime.failures import http_status as status_of

__all__ = ["PROVIDER", "ServiceError", "refused_configuration", "service_error", "to_provider_error"]

PROVIDER = "openai"

_LOST = 1006

_HARMLESS = frozenset({"response_cancel_not_active"})
_BUSY = frozenset({"conversation_already_has_active_response"})
_EXPIRED = frozenset({"session_expired"})
_DENIED = frozenset({"invalid_api_key", "account_deactivated", "organization_deactivated"})
_PASSING_CODES = frozenset({"rate_limit_exceeded", "server_error", "internal_error", "overloaded"})
_PASSING_TYPES = frozenset({"server_error", "rate_limit_error"})


@dataclass(frozen=True, slots=True)
class ServiceError(WireEvent):
    """An ``error`` event.

    Args:
        code: The service's code; its type where it gives none.
        message: What it says.
        kind: Its type, such as ``"invalid_request_error"``.
        about: The ``event_id`` of our event that it complains of, if it names one.
    """

    code: str
    message: str
    kind: str = ""
    about: str | None = None

    @property
    def is_harmless(self) -> bool:
        """What was asked for had happened already."""
        return self.code in _HARMLESS

    @property
    def is_busy(self) -> bool:
        """The model answers already."""
        return self.code in _BUSY

    @property
    def ends_session(self) -> bool:
        """The service will close the connection, and would serve another one."""
        return self.code in _EXPIRED

    @property
    def is_passing(self) -> bool:
        """The same may succeed later."""
        return self.code in _PASSING_CODES or self.kind in _PASSING_TYPES

    @property
    def is_denial(self) -> bool:
        """The credentials are refused."""
        return self.code in _DENIED or self.kind == "authentication_error"


def service_error(event: dict[str, Any]) -> ServiceError:
    """Read an ``error`` event."""
    error = event.get("error") or {}
    kind = str(error.get("type") or "error")
    about = error.get("event_id")
    return ServiceError(
        str(error.get("code") or kind), str(error.get("message") or ""), kind, about if isinstance(about, str) else None
    )


def refused_configuration(error: ServiceError) -> ProviderConnectionError:
    """The service did not take the configuration of a new connection."""
    return ProviderConnectionError(
        f"openai, while configuring the session: the service refused it with {error.code}: {error.message}",
        retryable=error.is_passing,
        provider=PROVIDER,
        status_code=401 if error.is_denial else None,
    )


def to_provider_error(error: BaseException, doing: str) -> ProviderError:
    """Map a foreign exception.

    Args:
        error: What the SDK or websockets raised.
        doing: What was being done, for the message: ``"connecting"``.
    """
    if isinstance(error, ProviderError):
        return error
    status = status_of(error)
    if status is not None:
        return http_refusal(status, PROVIDER, doing)
    if not hasattr(error, "rcvd"):
        return connection_failure(error, PROVIDER, doing)
    code = close_code(error)
    if code is None:
        return ProviderConnectionError(
            f"openai, while {doing}: the connection broke ({type(error).__name__})",
            retryable=True,
            provider=PROVIDER,
            status_code=_LOST,
        )
    return closed_by_server(code, getattr(getattr(error, "rcvd", None), "reason", None), PROVIDER, doing)
