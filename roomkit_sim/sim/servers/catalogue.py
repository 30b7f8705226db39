"""The server of each provider."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from contextlib import suppress
from typing import assert_never

from roomkit_sim.sim.scenario.model import Provider
from roomkit_sim.sim.servers.contract import MakeServer

__all__ = ["KEYS", "load_sdk", "sdk_versions", "server_class"]

KEYS: Mapping[Provider, str] = {"gemini-live": "GEMINI_API_KEY", "openai-realtime": "OPENAI_API_KEY"}
"""The environment variable with the key for the service itself."""

_PACKAGES: Mapping[Provider, tuple[str, ...]] = {
    "gemini-live": ("google-genai", "websockets"),
    "openai-realtime": ("openai", "websockets"),
}

_SDKS: Mapping[Provider, tuple[str, ...]] = {
    "gemini-live": ("google.genai", "google.genai.live", "websockets.asyncio.client"),
    "openai-realtime": ("openai", "openai.resources.realtime.realtime", "websockets.asyncio.client"),
}


def server_class(provider: Provider) -> MakeServer:
    """The server that stands in for a provider."""
    match provider:
        case "gemini-live":
            from roomkit_sim.sim.servers.gemini_live.server import GeminiLiveServer

            return GeminiLiveServer
        case "openai-realtime":
            from roomkit_sim.sim.servers.openai_realtime.server import OpenAIRealtimeServer

            return OpenAIRealtimeServer
        case _:
            assert_never(provider)


def load_sdk(provider: Provider) -> None:
    """Import what the provider's SDK is made of, so that no caller waits for it in real time: it takes seconds.

    One that is not installed is the application's to miss.
    """
    for module in _SDKS[provider]:
        with suppress(ImportError):
            importlib.import_module(module)


def sdk_versions(provider: Provider) -> Mapping[str, str]:
    """The versions of the packages that speak with the provider; of those that are installed."""
    versions = {}
    for package in _PACKAGES[provider]:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
