"""Refuses WebSocket upgrades as a service, or the proxy in front of it, does. Shared by all protocol servers."""

from __future__ import annotations

import http
from collections.abc import Mapping
from dataclasses import dataclass

from roomkit_sim.sim.servers.wrongs import GoesWrong

__all__ = ["Refusal", "switched_refusal"]


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer instead of an upgrade.

    Args:
        status: Its status.
        text: Its body.
    """

    status: http.HTTPStatus
    text: str


_REFUSALS: Mapping[str, Refusal] = {
    # The bodies are ours: the SDKs do not show them.
    "any.upgrade_401": Refusal(http.HTTPStatus.UNAUTHORIZED, "API key not valid\n"),
    "any.upgrade_403": Refusal(http.HTTPStatus.FORBIDDEN, "permission denied\n"),
    "any.upgrade_429": Refusal(http.HTTPStatus.TOO_MANY_REQUESTS, "quota exceeded\n"),
    "any.upgrade_503": Refusal(http.HTTPStatus.SERVICE_UNAVAILABLE, "the service is overloaded\n"),
}


def switched_refusal(goes_wrong: GoesWrong) -> Refusal | None:
    """How an upgrade is refused by a switch, if one is on."""
    return next((refusal for name, refusal in _REFUSALS.items() if goes_wrong(name)), None)
