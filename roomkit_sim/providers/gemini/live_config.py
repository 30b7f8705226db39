"""From a session's configuration to the SDK's ``LiveConnectConfig``. Pure.

Field names are those of google-genai 3.4 (``types.LiveConnectConfig``); what they become on the wire is the SDK's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from roomkit_sim.errors import ConfigurationError
from roomkit_sim.providers.realtime.settings import LiveSettings

if TYPE_CHECKING:
    from google.genai import types

__all__ = ["connect_config"]

_PLAIN = ("top_p", "top_k", "max_output_tokens", "seed", "enable_affective_dialog", "explicit_vad_signal")
_KNOWN = frozenset(
    {
        *_PLAIN,
        "language",
        "language_code",
        "thinking_budget",
        "proactivity",
        "proactive_audio",
        "start_of_speech_sensitivity",
        "end_of_speech_sensitivity",
        "silence_duration_ms",
        "prefix_padding_ms",
        "no_interruption",
    }
)


def connect_config(settings: LiveSettings, handle: str | None) -> types.LiveConnectConfig:
    """The configuration of one connection.

    Args:
        settings: What the session is configured with. Of ``provider_config`` these keys are understood: ``top_p``,
            ``top_k``, ``max_output_tokens``, ``seed``, ``enable_affective_dialog``, ``explicit_vad_signal``,
            ``language`` (or ``language_code``; BCP-47), ``thinking_budget`` (tokens), ``proactivity`` (bool),
            ``start_of_speech_sensitivity`` and ``end_of_speech_sensitivity`` (``"high"`` or ``"low"``),
            ``silence_duration_ms``, ``prefix_padding_ms`` and ``no_interruption`` (bool).
        handle: The resumption handle of the conversation to go on with.

    Raises:
        ConfigurationError: ``provider_config`` has a key that is not understood: a misspelt setting that is silently
            ignored is a fault that nobody finds. Or a value that the SDK's own types refuse.
    """
    _refuse_unknown(settings.provider_config)
    try:
        return _build(settings, handle)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"the Gemini session cannot be configured like this: {error}") from error


def _refuse_unknown(extra: Mapping[str, Any]) -> None:
    unknown = sorted(set(extra) - _KNOWN)
    if unknown:
        raise ConfigurationError(
            f"provider_config of the Gemini provider: unknown {', '.join(unknown)}; "
            f"it understands {', '.join(sorted(_KNOWN))}"
        )


def _build(settings: LiveSettings, handle: str | None) -> types.LiveConnectConfig:
    from google.genai import types

    extra = settings.provider_config
    return types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        input_audio_transcription=types.AudioTranscriptionConfig(),
        output_audio_transcription=types.AudioTranscriptionConfig(),
        session_resumption=types.SessionResumptionConfig(handle=handle),
        context_window_compression=types.ContextWindowCompressionConfig(sliding_window=types.SlidingWindow()),
        system_instruction=_instruction(settings.system_prompt),
        temperature=settings.temperature,
        speech_config=_speech(settings.voice, extra.get("language_code") or extra.get("language")),
        tools=[_tool(tool) for tool in settings.tools] or None,
        realtime_input_config=_turn_detection(settings),
        thinking_config=_thinking(extra.get("thinking_budget")),
        proactivity=_proactivity(extra.get("proactivity", extra.get("proactive_audio"))),
        **{name: extra[name] for name in _PLAIN if name in extra},
    )


def _instruction(prompt: str | None) -> types.Content | None:
    from google.genai import types

    return types.Content(parts=[types.Part(text=prompt)], role="user") if prompt else None


def _speech(voice: str | None, language: str | None) -> types.SpeechConfig | None:
    from google.genai import types

    if not voice and not language:
        return None
    prebuilt = types.VoiceConfig(prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name=voice)) if voice else None
    return types.SpeechConfig(voice_config=prebuilt, language_code=language)


def _tool(tool: Mapping[str, Any]) -> types.Tool:
    from google.genai import types

    declaration = types.FunctionDeclaration(
        name=tool["name"],
        description=tool.get("description") or "",
        # A JSON schema as it stands: `parameters` takes the API's own schema subset, which lacks anyOf with null.
        parameters_json_schema=tool.get("parameters") or {"type": "object", "properties": {}},
    )
    return types.Tool(function_declarations=[declaration])


def _turn_detection(settings: LiveSettings) -> types.RealtimeInputConfig | None:
    from google.genai import types

    extra = settings.provider_config
    detection: dict[str, Any] = {
        name: extra[name] for name in ("silence_duration_ms", "prefix_padding_ms") if name in extra
    }
    if not settings.server_vad:
        detection["disabled"] = True
    if "start_of_speech_sensitivity" in extra:
        detection["start_of_speech_sensitivity"] = f"START_SENSITIVITY_{extra['start_of_speech_sensitivity']}".upper()
    if "end_of_speech_sensitivity" in extra:
        detection["end_of_speech_sensitivity"] = f"END_SENSITIVITY_{extra['end_of_speech_sensitivity']}".upper()
    if not detection and settings.interruptible:
        return None
    return types.RealtimeInputConfig(
        automatic_activity_detection=types.AutomaticActivityDetection(**detection) if detection else None,
        activity_handling=None if settings.interruptible else types.ActivityHandling.NO_INTERRUPTION,
    )


def _thinking(budget: int | None) -> types.ThinkingConfig | None:
    from google.genai import types

    return None if budget is None else types.ThinkingConfig(thinking_budget=budget)


def _proactivity(wanted: bool | None) -> types.ProactivityConfig | None:
    from google.genai import types

    return None if wanted is None else types.ProactivityConfig(proactive_audio=wanted)
