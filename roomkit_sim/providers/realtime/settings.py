"""What a connection of a session is configured with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LiveSettings"]


@dataclass(frozen=True)
class LiveSettings:
    """All that a connection of one session is made from; a change makes a new object.

    Args:
        system_prompt: Instructions; ``""`` and ``None`` are none.
        voice: The provider's name of a voice; ``""`` and ``None`` are the model's default.
        tools: Function tools as in :class:`roomkit_sim.voice.realtime.config.SessionConfig`.
        temperature: Sampling temperature.
        server_vad: Whether the server finds the ends of turns.
        provider_config: Settings that only the provider understands.
    """

    system_prompt: str | None = None
    voice: str | None = None
    tools: tuple[dict[str, Any], ...] = ()
    temperature: float | None = None
    server_vad: bool = True
    provider_config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def interruptible(self) -> bool:
        """Whether the model stops when the caller begins to speak."""
        return not self.provider_config.get("no_interruption", False)

    def changed(
        self,
        system_prompt: str | None,
        voice: str | None,
        tools: Sequence[dict[str, Any]] | None,
        temperature: float | None,
        provider_config: Mapping[str, Any] | None,
    ) -> LiveSettings:
        """A copy with the arguments that are not ``None``."""
        return LiveSettings(
            self.system_prompt if system_prompt is None else system_prompt,
            self.voice if voice is None else voice,
            self.tools if tools is None else tuple(tools),
            self.temperature if temperature is None else temperature,
            self.server_vad,
            self.provider_config if provider_config is None else dict(provider_config),
        )
