"""What a session starts with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomkit_sim.voice.realtime.config import SessionConfig

__all__ = ["config_of_metadata", "starting_config"]


def config_of_metadata(metadata: Mapping[str, Any]) -> SessionConfig:
    """What the application asked for this one session."""
    tools = metadata.get("tools")
    return SessionConfig(
        system_prompt=metadata.get("system_prompt"),
        voice=metadata.get("voice"),
        tools=None if tools is None else tuple(tools),
        temperature=metadata.get("temperature"),
        provider_config=metadata.get("provider_config"),
    )


def starting_config(own: SessionConfig, agent: SessionConfig | None, base: SessionConfig) -> SessionConfig:
    """The session's own configuration over the agent's over the channel's.

    The agent's tools (its handoff tool) do not replace the application's: they stand after them.

    Args:
        own: From the session's metadata.
        agent: From the pipeline, if there is one.
        base: From the channel's constructor.
    """
    application = SessionConfig(tools=own.tools).over(SessionConfig(tools=base.tools))
    if agent is None or agent.tools is None:
        return own.over(agent or SessionConfig()).over(base)
    tools = agent.with_tools_of(application).tools
    return SessionConfig(tools=tools).over(own.over(agent).over(base))
