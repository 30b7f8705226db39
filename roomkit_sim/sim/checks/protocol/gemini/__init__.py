"""Gemini Live. Field names are those of google-genai 3.4 (``types.LiveClientMessage`` and below)."""
