"""Writes the scenario that is made of a recorded call."""

from __future__ import annotations

from pathlib import Path

from roomkit_sim.errors import CassetteError
from roomkit_sim.sim.audio.files import write_wav
from roomkit_sim.sim.cassette.files import replace
from roomkit_sim.sim.cassette.model import Cassette
from roomkit_sim.sim.cassette.to_scenario import UNKNOWN_APP, scenario_from
from roomkit_sim.sim.scenario.loader import SUFFIX, load

__all__ = ["write_scenario"]


def write_scenario(cassette: Cassette, output: Path, app: str = "") -> list[Path]:
    """Write a scenario with its sound beside it.

    Args:
        cassette: The call.
        output: The file, ``*.scenario.yaml``; its name without that is the scenario's.
        app: The application; a placeholder when it is empty.

    Returns:
        The files that were written.

    Raises:
        CassetteError: The name is no scenario's, something is there already, or the recording has not one call.
        AudioError: A sound file cannot be written.
    """
    if not output.name.endswith(SUFFIX):
        raise CassetteError(f"a scenario file is named *{SUFFIX}", path=output)
    draft = scenario_from(cassette, output.name.removesuffix(SUFFIX), app or UNKNOWN_APP)
    files = [output, *(output.parent / path for path in draft.sounds)]
    there = [path for path in files if path.exists()]
    if there:
        raise CassetteError("it is there already: remove it, or choose another name with -o", path=there[0])
    for path, (samples, rate_hz) in draft.sounds.items():
        write_wav(output.parent / path, samples, rate_hz)
    replace(output, draft.text.encode())
    # What is written must be readable: a mistake is found here and not when it is played.
    load(output)
    return files
