"""What was said, as Gemini Live takes it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roomkit_sim.providers.realtime.history import Turn

if TYPE_CHECKING:
    from google.genai import types

__all__ = ["content_of", "seed_contents"]


def content_of(role: str, text: str) -> types.Content:
    """A turn. There are two sides: what is neither the user's nor the model's counts as the user's."""
    from google.genai import types

    side = "model" if role in ("assistant", "model") else "user"
    return types.Content(role=side, parts=[types.Part(text=text)])


def seed_contents(turns: tuple[Turn, ...]) -> list[types.Content]:
    """The turns as ``client_content``: user and model alternate, and the first one is the user's."""
    first_user = next((index for index, turn in enumerate(turns) if turn.role == "user"), len(turns))
    return [content_of(turn.role, turn.text) for turn in turns[first_user:]]
