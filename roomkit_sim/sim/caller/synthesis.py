"""Speech synthesis: pyttsx3 on the espeak-ng library of espeakng-loader, one fresh process for each utterance.

In one long-lived process the same text gives different bytes every time, threads crash the library, and an unknown
voice is ignored without a word. The first synthesis of a fresh process is always the same, costs about 50 ms, and the
process can be checked and killed. Nothing has to be installed beside the Python packages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from roomkit_sim.errors import AudioError
from roomkit_sim.voice.tts import pyttsx3_worker

__all__ = ["SpeechRequest", "engine_versions", "synthesise"]

_WORKERS = 2
_TIMEOUT_S = 60


@dataclass(frozen=True)
class SpeechRequest:
    """What is to be spoken, and how.

    Args:
        text: The words.
        voice: An espeak voice, such as ``en-us`` or ``en-us+f3`` (with a variant).
        rate_wpm: Words per minute.
        pitch: 0 to 99.
    """

    text: str
    voice: str = "en-us"
    rate_wpm: int = 175
    pitch: int = 50


def engine_versions() -> str:
    """The versions that the sound depends on.

    Raises:
        AudioError: The packages are not installed.
    """
    try:
        return " ".join(f"{name}-{metadata.version(name)}" for name in ("pyttsx3", "espeakng-loader"))
    except metadata.PackageNotFoundError as error:
        raise AudioError(
            f"speech synthesis is not installed ({error.name} is missing): pip install 'roomkit-sim[sim]'"
        ) from error


def synthesise(requests: Iterable[SpeechRequest], folder: Path) -> Iterator[Path]:
    """Speak each request into a WAV file in ``folder``, two at a time.

    Args:
        requests: What to speak.
        folder: An existing folder for the files.

    Yields:
        The file of each request, in their order.

    Raises:
        AudioError: A synthesis failed; says why.
    """
    engine_versions()
    running: deque[_Worker] = deque()
    try:
        for request in requests:
            if len(running) == _WORKERS:
                yield running.popleft().finish()
            running.append(_Worker(request, folder))
        while running:
            yield running.popleft().finish()
    finally:
        for worker in running:
            worker.abandon()


class _Worker:
    def __init__(self, request: SpeechRequest, folder: Path) -> None:
        handle, name = tempfile.mkstemp(prefix="speech-", suffix=".wav", dir=folder)
        os.close(handle)
        self._request = request
        self._path = Path(name)
        order = json.dumps({**asdict(request), "volume": 1.0, "path": name})
        self._process = subprocess.Popen(
            [sys.executable, "-P", pyttsx3_worker.__file__, order],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> Path:
        try:
            _, complaint = self._process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.abandon()
            raise AudioError(f"{self._what()} did not finish within {_TIMEOUT_S} s") from None
        if self._process.returncode:
            lines = complaint.strip().splitlines() or [f"exit status {self._process.returncode}"]
            raise AudioError(f"{self._what()} failed: {lines[-1]}")
        return self._path

    def abandon(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _what(self) -> str:
        return f"synthesis of {self._request.text!r} in voice {self._request.voice!r}"
