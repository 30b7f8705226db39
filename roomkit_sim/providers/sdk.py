"""Whether the SDK of a provider is installed."""

from __future__ import annotations

import importlib.util

from roomkit_sim.errors import ConfigurationError

__all__ = ["require_sdk"]


def require_sdk(module: str, package: str, extra: str, provider: str) -> None:
    """Say what to install, before the first import of the SDK fails. Costs no import where it is there.

    Args:
        module: Its module, such as ``"google.genai"``.
        package: Its package, such as ``"google-genai"``.
        extra: Our extra that installs it.
        provider: Who needs it.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        found = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        found = False
    if not found:
        raise ConfigurationError(f"{provider} needs the package {package}: pip install 'roomkit-sim[{extra}]'")
