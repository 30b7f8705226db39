"""What one response is made with: the session's configuration, with what ``response.create`` overrides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from roomkit_sim.sim.servers.openai_realtime.audio_format import AudioFormat, audio_format, format_of
from roomkit_sim.sim.servers.openai_realtime.fields import (
    anything,
    flag,
    list_of,
    mapping,
    one_of,
    optional,
    record,
    text,
)
from roomkit_sim.sim.servers.openai_realtime.refusals import invalid_value
from roomkit_sim.sim.servers.openai_realtime.session_config import (
    SessionConfig,
    max_output_tokens,
    output_modalities,
    voice,
    voice_name,
)
from roomkit_sim.sim.servers.openai_realtime.tools import functions_of, tool_choice, tools

__all__ = ["ResponseConfig", "response_config"]


def _metadata(value: Any, path: str) -> dict[str, str]:
    pairs = mapping(value, path)
    if len(pairs) > 16:
        raise invalid_value(path, "at most 16 pairs")
    for key, item in pairs.items():
        if len(key) > 64 or len(text(item, f"{path}.{key}")) > 512:
            raise invalid_value(f"{path}.{key}", "keys have at most 64 characters, values at most 512")
    return dict(pairs)


_RESPONSE = record(
    {
        "conversation": one_of("auto", "none"),
        "input": list_of(mapping),
        "instructions": text,
        "max_output_tokens": max_output_tokens,
        "metadata": optional(_metadata),
        "output_modalities": output_modalities,
        "audio": record({"output": record({"format": audio_format, "voice": voice})}),
        "tools": tools,
        "tool_choice": tool_choice,
        "parallel_tool_calls": flag,
        "prompt": optional(mapping),
        "reasoning": anything,
    }
)


@dataclass(frozen=True)
class ResponseConfig:
    """What one response is made with.

    Args:
        body: The part of it that is shown in the response's events.
        instructions: Of the system.
        functions: Function name to the schema of its arguments.
        in_conversation: Whether the response is added to the conversation, and blocks others meanwhile.
        input: The items that it is to instead of the conversation, as the client sent them.
    """

    body: Mapping[str, Any]
    instructions: str
    functions: Mapping[str, Mapping[str, Any]]
    in_conversation: bool = True
    input: tuple[Mapping[str, Any], ...] | None = None

    @property
    def voice(self) -> str:
        """The name of the voice."""
        return voice_name(self.body["audio"]["output"]["voice"])

    @property
    def format(self) -> AudioFormat:
        """Of its audio."""
        return format_of(self.body["audio"]["output"]["format"])

    @property
    def is_spoken(self) -> bool:
        """Whether it is spoken and not written."""
        return bool(self.body["output_modalities"] == ["audio"])


def response_config(session: SessionConfig, overrides: Any, *, voice_is_locked: bool) -> ResponseConfig:
    """The configuration of a response.

    Args:
        session: The session's.
        overrides: ``response`` of a ``response.create``; an empty object for a response that nobody asked for.
        voice_is_locked: The session has spoken, and must keep its voice.

    Raises:
        Refusal: The overrides are not what the service allows.
    """
    given = _RESPONSE(overrides, "response")
    output = given.get("audio", {}).get("output", {})
    session.check_voice(output, voice_is_locked, "response.audio.output.voice")
    spoken = session.body["audio"]["output"]
    body = {
        "output_modalities": given.get("output_modalities", session.body["output_modalities"]),
        "max_output_tokens": given.get("max_output_tokens", session.body["max_output_tokens"]),
        "audio": {"output": {"format": spoken["format"], "voice": spoken["voice"], **output}},
        "metadata": given.get("metadata"),
    }
    choice = given.get("tool_choice", session.body["tool_choice"])
    return ResponseConfig(
        body,
        given.get("instructions") or session.instructions,
        functions_of(given.get("tools", session.body["tools"]), choice),
        given.get("conversation") != "none",
        tuple(given["input"]) if "input" in given else None,
    )
