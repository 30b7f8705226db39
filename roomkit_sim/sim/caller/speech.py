"""Gets the sound of utterances: from a file, from committed speech, from the cache, or from the synthesiser.

Never is silence taken for speech that cannot be had: that is an error which says what to do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.files import Clip, read_clip, write_wav
from roomkit_sim.sim.audio.pcm import Samples, window_energy
from roomkit_sim.sim.audio.spans import AUDIBLE_DBFS, WINDOW_MS, Span, audible_spans
from roomkit_sim.sim.caller.store import STORE_RATE_HZ, cache_file, find_committed, new_committed, store_folders
from roomkit_sim.sim.caller.synthesis import SpeechRequest, engine_versions, synthesise
from roomkit_sim.sim.scenario.caller import Caller, Say

__all__ = ["commit_speech", "prepare", "request_for", "speech_bounds"]

_BELOW_LOUDEST_DB = 40.0


def prepare(say_steps: Iterable[Say], caller: Caller, base_dir: Path) -> dict[str, Clip]:
    """The sound of each utterance, at the rate of the caller's line.

    Looked for in this order: the file that the step names; committed speech (see :mod:`roomkit_sim.sim.caller.store`);
    the user's cache; the synthesiser, whose result goes to the cache.

    Args:
        say_steps: The utterances.
        caller: Whose voice it is.
        base_dir: The folder of the scenario file.

    Returns:
        Utterance id to clip, in the order of the steps.

    Raises:
        AudioError: An utterance has no usable sound; says which, and what to do.
    """
    steps = list(say_steps)
    missing = {step.id: request_for(step, caller) for step in steps if _existing(step, caller, base_dir) is None}
    _synthesise_missing(missing, base_dir)
    return {step.id: _load(step, caller, base_dir) for step in steps}


def commit_speech(say_steps: Iterable[Say], caller: Caller, base_dir: Path) -> list[Path]:
    """Write the speech of utterances that are synthesised to the ``audio`` folder, to be committed.

    Returns:
        The files that were not there before.

    Raises:
        AudioError: A synthesis failed, or a file cannot be written.
    """
    wanted = {
        step.id: request
        for step in say_steps
        if step.file is None and find_committed(request := request_for(step, caller), base_dir) is None
    }
    _synthesise_missing({id: request for id, request in wanted.items() if not _cached(request)}, base_dir)
    written: list[Path] = []
    for id, request in wanted.items():
        clip = read_clip(cache_file(request, engine_versions()), STORE_RATE_HZ)
        written.append(new_committed(id, request, base_dir))
        write_wav(written[-1], clip.samples, clip.rate_hz)
    return written


def request_for(step: Say, caller: Caller) -> SpeechRequest:
    """What the synthesiser is asked for when ``caller`` says ``step``."""
    return SpeechRequest(step.text, caller.voice, caller.rate_wpm, caller.pitch)


def speech_bounds(clip: Clip) -> Span:
    """The first and the last audible sample of a clip.

    Audible is a window of 5 ms that is over -50 dBFS and at most 40 dB under the loudest, so that the noise of a
    recorded file is not taken for speech.
    """
    spans = audible_spans(clip.samples, clip.rate_hz, threshold_dbfs=_threshold(clip.samples, clip.rate_hz))
    if not spans:
        return Span(0, len(clip.samples))
    return Span(spans[0].start_sample, spans[-1].end_sample)


def _threshold(samples: Samples, rate_hz: int) -> float:
    import numpy as np

    loudest = float(window_energy(samples, rate_hz * WINDOW_MS // 1000).max(initial=1.0))
    return max(AUDIBLE_DBFS, float(10 * np.log10(loudest / 32768**2)) - _BELOW_LOUDEST_DB)


def _existing(step: Say, caller: Caller, base_dir: Path) -> Path | None:
    """The file that holds the sound of a step, without synthesising anything."""
    if step.file is not None:
        return base_dir / step.file
    request = request_for(step, caller)
    return find_committed(request, base_dir) or _cached(request)


def _cached(request: SpeechRequest) -> Path | None:
    try:
        path = cache_file(request, engine_versions())
    except AudioError:
        return None
    return path if path.is_file() else None


def _load(step: Say, caller: Caller, base_dir: Path) -> Clip:
    path = _existing(step, caller, base_dir)
    if path is None:
        raise AudioError(
            f"utterance {step.id!r}: its speech vanished from the cache while it was being loaded; run again"
        )
    try:
        return read_clip(path, caller.sample_rate_hz)
    except AudioError as error:
        raise AudioError(f"utterance {step.id!r}: {error}") from error


def _synthesise_missing(missing: Mapping[str, SpeechRequest], base_dir: Path) -> None:
    if not missing:
        return
    ids = iter(missing)
    current = next(ids)
    try:
        versions = engine_versions()
        with tempfile.TemporaryDirectory(prefix="roomkit-sim-") as folder:
            for raw, request in zip(synthesise(missing.values(), Path(folder)), missing.values(), strict=True):
                _keep(raw, cache_file(request, versions))
                current = next(ids, current)
    except AudioError as error:
        raise AudioError(_no_speech(current, missing[current], base_dir, error)) from error


def _keep(raw: Path, target: Path) -> None:
    """Put freshly spoken audio into the cache, trimmed."""
    clip = read_clip(raw, STORE_RATE_HZ)
    bounds = speech_bounds(clip)
    write_wav(target, clip.samples[bounds.start_sample : bounds.end_sample], clip.rate_hz)


def _no_speech(utterance: str, request: SpeechRequest, base_dir: Path, why: Exception) -> str:
    places = ", ".join(str(folder) for folder in store_folders(base_dir) if folder.is_dir()) or "no 'audio' folder"
    return (
        f"utterance {utterance!r}: there is no speech for {request.text!r} (voice {request.voice!r}, "
        f"{request.rate_wpm} wpm, pitch {request.pitch}). It is not committed ({places}), not cached, and could not be "
        f"spoken: {why}. Commit {new_committed(utterance, request, base_dir).name} made where synthesis works, or give "
        f"the step a 'file'."
    )
