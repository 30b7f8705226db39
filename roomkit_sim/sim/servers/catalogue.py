"""The server of each provider."""

from __future__ import annotations

from typing import assert_never

from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.servers.contract import MakeServer

__all__ = ["server_class"]


def server_class(provider: Provider) -> MakeServer:
    """The server that stands in for a provider."""
    match provider:
        case "gemini-live":
            from roomkit_sim.sim.servers.gemini_live.server import GeminiLiveServer

            return GeminiLiveServer
        case _:
            assert_never(provider)
