"""What a client that is the same may say otherwise than in a recording that was made in real time. Pure."""

from __future__ import annotations

import re

from roomkit_sim.sim.cassette.pace import EARLY_NS
from roomkit_sim.sim.trace.events import Json

__all__ = ["with_tolerance"]

_HANDLE = re.compile(r"<handle-(\d+)>")
_PLAYED = "audioEndMs"


def with_tolerance(recorded: Json, actual: Json) -> Json:
    """A message with the recorded value wherever it differs by nothing but milliseconds on the client's side.

    These are: how much of an answer was played (OpenAI's ``audio_end_ms``), to 250 ms; and which of two resumption
    handles that follow one another had arrived when it dialled.

    Args:
        recorded: In canonical form.
        actual: In canonical form.
    """
    if isinstance(recorded, dict) and isinstance(actual, dict):
        return {
            key: _as_recorded(key, recorded[key], item) if key in recorded else item for key, item in actual.items()
        }
    return actual


def _as_recorded(key: str, recorded: Json, actual: Json) -> Json:
    if key == _PLAYED and isinstance(recorded, int | float) and isinstance(actual, int | float):
        return recorded if abs(recorded - actual) <= EARLY_NS / 1e6 else actual
    if key == "handle" and isinstance(recorded, str) and isinstance(actual, str):
        one, other = _HANDLE.fullmatch(recorded), _HANDLE.fullmatch(actual)
        return recorded if one and other and abs(int(one[1]) - int(other[1])) <= 1 else actual
    # Both are in the message itself, or in its setup.
    return with_tolerance(recorded, actual) if key in ("setup", "sessionResumption") else actual
