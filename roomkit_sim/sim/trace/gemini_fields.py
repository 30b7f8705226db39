"""The messages of a Gemini Live client and their fields: google-genai 3.4, ``types.LiveClientMessage`` and below."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CLIENT_FIELDS"]

CLIENT_FIELDS: Mapping[str, frozenset[str]] = {
    "setup": frozenset(
        [
            "model",
            "generationConfig",
            "systemInstruction",
            "tools",
            "realtimeInputConfig",
            "sessionResumption",
            "contextWindowCompression",
            "inputAudioTranscription",
            "outputAudioTranscription",
            "proactivity",
            "explicitVadSignal",
            "historyConfig",
            "avatarConfig",
            "safetySettings",
            "labels",
        ]
    ),
    "clientContent": frozenset({"turns", "turnComplete"}),
    "realtimeInput": frozenset(
        {"mediaChunks", "audio", "audioStreamEnd", "video", "text", "activityStart", "activityEnd"}
    ),
    "toolResponse": frozenset({"functionResponses"}),
    "contextUpdate": frozenset({"systemInstruction", "tools"}),
}
"""Of each message, its fields in camel case."""
