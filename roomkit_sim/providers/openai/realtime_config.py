"""From a session's configuration to the ``session`` object of ``session.update``. Pure.

Field names are those of the generally available Realtime API, as openai 3.52 types them
(``RealtimeSessionCreateRequestParam``). It has no sampling temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.realtime.settings import LiveSettings

__all__ = ["RATE_HZ", "can_be_updated", "interruptible", "session_object", "transcribes"]

RATE_HZ = 24_000
"""Of ``audio/pcm``, both ways; the API knows no other."""

_FORMAT = {"type": "audio/pcm", "rate": RATE_HZ}
_DEFAULT_TRANSCRIPTION = "gpt-4o-mini-transcribe"

_SERVER_VAD = ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")
_SEMANTIC_VAD = ("eagerness",)
_ANY_VAD = ("create_response", "interrupt_response")
_PLAIN = (
    "max_output_tokens",
    "tool_choice",
    "parallel_tool_calls",
    "truncation",
    "tracing",
    "prompt",
    "reasoning",
    "include",
)
_KNOWN = frozenset(
    {
        *_SERVER_VAD,
        *_SEMANTIC_VAD,
        *_ANY_VAD,
        *_PLAIN,
        "turn_detection",
        "no_interruption",
        "transcription",
        "transcription_prompt",
        "language",
        "noise_reduction",
        "speed",
    }
)
_SPEEDS = (0.25, 1.5)
_EAGERNESS = ("low", "medium", "high", "auto")
_NOISE_REDUCTION = ("near_field", "far_field")


def session_object(settings: LiveSettings, *, update: bool = False, with_voice: bool = True) -> dict[str, Any]:
    """The configuration of a session.

    Formats, tools and turn detection are always in it: a service may fall back to its defaults for what an update does
    not name.

    Args:
        settings: What the session is configured with. Of ``provider_config`` these keys are understood:
            ``turn_detection`` (``"server_vad"``, the default, or ``"semantic_vad"``), with ``threshold``,
            ``prefix_padding_ms``, ``silence_duration_ms`` and ``idle_timeout_ms`` for the first and ``eagerness`` for
            the second kind, ``create_response``, ``interrupt_response`` and ``no_interruption`` for both;
            ``transcription`` (a model's name; ``None`` for no transcripts of the caller), ``language`` and
            ``transcription_prompt``; ``noise_reduction`` (``"near_field"``, ``"far_field"`` or ``None``); ``speed``
            (0.25 to 1.5); ``max_output_tokens``, ``tool_choice``, ``parallel_tool_calls``, ``truncation``, ``tracing``,
            ``prompt``, ``reasoning`` and ``include`` as the API takes them.
        update: The session runs already: an absent prompt is an empty one, not the service's default.
        with_voice: Name the voice; not where it cannot change any more.

    Raises:
        ConfigurationError: ``provider_config`` has a key that is not understood, or a value that is not acceptable; or
            a temperature is set.
    """
    extra = settings.provider_config
    _refuse(settings)
    session: dict[str, Any] = {"type": "realtime", "output_modalities": ["audio"]}
    if settings.system_prompt or update:
        session["instructions"] = settings.system_prompt or ""
    session["audio"] = {"input": _input(settings), "output": _output(settings, with_voice=with_voice)}
    session["tools"] = [_tool(tool) for tool in settings.tools]
    session.update({name: extra[name] for name in _PLAIN if name in extra})
    return session


def can_be_updated(old: LiveSettings, new: LiveSettings) -> bool:
    """Whether one update leads from ``old`` to ``new``: what an update does not name keeps its value."""
    before, after = old.provider_config, new.provider_config
    return (
        old.server_vad == new.server_vad
        and set(before) <= set(after)
        and before.get("tracing") == after.get("tracing")
        and before.get("prompt") == after.get("prompt")
    )


def interruptible(settings: LiveSettings) -> bool:
    """Whether the service cancels its answer when the caller begins to speak."""
    return settings.interruptible and bool(settings.provider_config.get("interrupt_response", True))


def transcribes(settings: LiveSettings) -> bool:
    """Whether the caller's words are transcribed."""
    return settings.provider_config.get("transcription", _DEFAULT_TRANSCRIPTION) is not None


def _refuse(settings: LiveSettings) -> None:
    extra = settings.provider_config
    unknown = sorted(set(extra) - _KNOWN)
    if unknown:
        raise ConfigurationError(
            f"provider_config of the OpenAI Realtime provider: unknown {', '.join(unknown)}; "
            f"it understands {', '.join(sorted(_KNOWN))}"
        )
    if settings.temperature is not None:
        raise ConfigurationError(
            "the OpenAI Realtime API has no sampling temperature: leave out temperature for this provider"
        )
    _check("speed", extra, lambda value: isinstance(value, int | float) and _SPEEDS[0] <= value <= _SPEEDS[1])
    _check("eagerness", extra, lambda value: value in _EAGERNESS)
    _check("noise_reduction", extra, lambda value: value is None or value in _NOISE_REDUCTION)
    _check("turn_detection", extra, lambda value: value in ("server_vad", "semantic_vad"))
    kind = extra.get("turn_detection", "server_vad")
    foreign = sorted(set(extra) & set(_SERVER_VAD if kind == "semantic_vad" else _SEMANTIC_VAD))
    if foreign:
        raise ConfigurationError(f"provider_config: {', '.join(foreign)} cannot be set with turn_detection {kind!r}")


def _check(name: str, extra: Mapping[str, Any], is_good: Any) -> None:
    if name in extra and not is_good(extra[name]):
        raise ConfigurationError(f"provider_config: {name} cannot be {extra[name]!r}; see session_object()")


def _input(settings: LiveSettings) -> dict[str, Any]:
    extra = settings.provider_config
    audio: dict[str, Any] = {
        "format": dict(_FORMAT),
        "transcription": _transcription(extra) if transcribes(settings) else None,
        "turn_detection": _turn_detection(settings),
    }
    if "noise_reduction" in extra:
        kind = extra["noise_reduction"]
        audio["noise_reduction"] = {"type": kind} if kind else None
    return audio


def _output(settings: LiveSettings, *, with_voice: bool) -> dict[str, Any]:
    audio: dict[str, Any] = {"format": dict(_FORMAT)}
    if settings.voice and with_voice:
        audio["voice"] = settings.voice
    if "speed" in settings.provider_config:
        audio["speed"] = settings.provider_config["speed"]
    return audio


def _transcription(extra: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"model": extra.get("transcription", _DEFAULT_TRANSCRIPTION)}
    if extra.get("language"):
        found["language"] = extra["language"]
    if extra.get("transcription_prompt"):
        found["prompt"] = extra["transcription_prompt"]
    return found


def _turn_detection(settings: LiveSettings) -> dict[str, Any] | None:
    if not settings.server_vad:
        return None
    extra = settings.provider_config
    detection: dict[str, Any] = {
        "type": extra.get("turn_detection", "server_vad"),
        "create_response": True,
        "interrupt_response": settings.interruptible,
    }
    detection.update({name: extra[name] for name in (*_SERVER_VAD, *_SEMANTIC_VAD, *_ANY_VAD) if name in extra})
    return detection


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    # No key but these: the service refuses the whole update for an unknown one.
    return {
        "type": "function",
        "name": tool["name"],
        "description": tool.get("description") or "",
        "parameters": tool.get("parameters") or {"type": "object", "properties": {}},
    }
