"""What the synthetic caller does: its voice and its script."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from roomkit_sim.sim.scenario.event_names import EventName
from roomkit_sim.sim.scenario.strict import Strict

__all__ = ["STEPS", "Caller", "HangUp", "Say", "Step", "Wait"]


class Say(Strict):
    """Speak one utterance, from a text (synthesised) or a sound file.

    Args:
        id: The utterance's name, to which the rules of the mind refer (``hears``).
        text: What is said. Needed without ``file``; with it, the transcript that the server reports.
        file: A WAV or FLAC file, relative to the scenario file.
        known: Whether the server knows this utterance. Speech that it does not know must be heard as ``unknown``.
    """

    id: str
    text: str = ""
    file: Path | None = None
    known: bool = True

    @field_validator("text")
    @classmethod
    def _is_text(cls, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the text has half a character at position {error.start}") from error
        return value

    @model_validator(mode="after")
    def _has_sound(self) -> Say:
        if not self.text.strip() and self.file is None:
            raise ValueError(f"utterance {self.id!r} needs 'text' to be spoken or 'file' to be played")
        return self


class Wait(Strict):
    """Wait for the agent's speech, for its silence, or for time to pass.

    Args:
        for_: ``agent_speech``: until an agent is heard; ``agent_silence``: until nothing was heard for ``ms`` after an
            agent spoke; ``time``: ``ms`` milliseconds.
        persona: With ``agent_speech``: only this persona's voice counts.
        ms: How long (silence and time).
        within_ms: Give up after this long; the caller then hangs up, which is a finding.
    """

    for_: Literal["agent_speech", "agent_silence", "time"] = Field(alias="for")
    persona: str | None = None
    ms: int = Field(default=500, gt=0)
    within_ms: int = Field(default=10_000, gt=0)

    @model_validator(mode="after")
    def _persona_speaks(self) -> Wait:
        if self.persona is not None and self.for_ != "agent_speech":
            raise ValueError("'persona' goes with 'for: agent_speech'")
        return self


class HangUp(Strict):
    """End the call.

    Args:
        after_ms: Milliseconds to wait first.
        on: Hang up the moment that this trace event happens, such as ``runtime.handoff_decided``.
        within_ms: Give up waiting for ``on`` after this long; the scenario is then invalid: its moment never came.
    """

    after_ms: int = Field(default=0, ge=0)
    on: EventName | None = None
    within_ms: int = Field(default=30_000, gt=0)


_STEP_NAMES: dict[type, str] = {Say: "say", Wait: "wait", HangUp: "hang_up"}

STEPS = tuple(_STEP_NAMES.values())
"""What a step can be."""


def _step_name(value: Any) -> str | None:
    """``{"say": {...}}`` and ``"hang_up"`` name their step; a model is one already."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return str(next(iter(value))) if len(value) == 1 else None
    return _STEP_NAMES.get(type(value))


def _step_settings(value: Any) -> Any:
    if isinstance(value, str):
        return {}
    if isinstance(value, dict):
        settings = next(iter(value.values()))
        return {} if settings is None else settings
    return value


_unwrap = BeforeValidator(_step_settings)
Step = Annotated[
    Annotated[Say, _unwrap, Tag("say")]
    | Annotated[Wait, _unwrap, Tag("wait")]
    | Annotated[HangUp, _unwrap, Tag("hang_up")],
    Discriminator(
        _step_name,
        custom_error_type="unknown_step",
        custom_error_message="a step is 'hang_up', or one of 'say', 'wait', 'hang_up' with its settings",
    ),
]


class Caller(Strict):
    """A synthetic caller.

    Args:
        voice: The espeak voice of the caller's synthesised speech.
        rate_wpm: Words per minute.
        pitch: 0 to 99.
        sample_rate_hz: The line's rate: 8000 (telephone), 16000 or 24000.
        script: The steps, one after the other.
    """

    voice: str = "en-us"
    rate_wpm: int = Field(default=175, ge=80, le=450)
    pitch: int = Field(default=50, ge=0, le=99)
    sample_rate_hz: Literal[8000, 16000, 24000] = 16000
    script: tuple[Step, ...] = Field(min_length=1)
