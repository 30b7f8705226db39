"""How a realtime session is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["SessionConfig"]


@dataclass(frozen=True)
class SessionConfig:
    """Prompt, voice, tools and settings of one realtime session.

    ``None`` says nothing about a value; ``""`` and ``()`` say that there is none.

    Args:
        system_prompt: The instructions of the model.
        voice: The provider's name of the voice.
        tools: Function tools: ``{"name", "description", "parameters": <JSON schema>}`` each.
        temperature: Sampling temperature.
        provider_config: Settings that only the provider understands.
    """

    system_prompt: str | None = None
    voice: str | None = None
    tools: tuple[dict[str, Any], ...] | None = None
    temperature: float | None = None
    provider_config: Mapping[str, Any] | None = None

    def over(self, base: SessionConfig) -> SessionConfig:
        """This configuration, with ``base`` wherever this one says nothing."""
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        return SessionConfig(
            **{name: getattr(base, name) if value is None else value for name, value in own.items()},
        )

    def with_tools_of(self, base: SessionConfig) -> SessionConfig:
        """This configuration, its tools standing after those of ``base`` that it does not redefine by name."""
        if not base.tools or self.tools is None:
            return self
        own_names = {tool.get("name") for tool in self.tools}
        kept = tuple(tool for tool in base.tools if tool.get("name") not in own_names)
        return SessionConfig(self.system_prompt, self.voice, kept + self.tools, self.temperature, self.provider_config)
