"""Speech synthesis: pyttsx3 on the espeak-ng library of espeakng-loader, one fresh process for each utterance.

In one long-lived process the same text gives different bytes every time, threads crash the library, and an unknown
voice is ignored without a word. The first synthesis of a fresh process is always the same, costs about 50 ms, and the
process can be checked and killed. Nothing has to be installed beside the Python packages.

Run as a module it is the worker::

    python -m roomkit_sim.sim.caller.synthesis '{"text": ..., "voice": ..., "rate_wpm": ..., "pitch": ..., "path": ...}'
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from roomkit_sim.errors import AudioError

__all__ = ["SpeechRequest", "engine_versions", "synthesise"]

_WORKERS = 2
_TIMEOUT_S = 60
_REFUSED = 3


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
        order = json.dumps({**asdict(request), "path": name})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "roomkit_sim.sim.caller.synthesis", order],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
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


def _environment() -> dict[str, str]:
    """The worker must find this package, from wherever it was imported here."""
    root = str(Path(__file__).parents[3])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _speak(request: SpeechRequest, path: Path) -> str | None:
    """In the worker: speak to ``path``.

    Returns:
        What is wrong with the result, if something is.
    """
    import pyttsx3

    engine = pyttsx3.init("espeak")
    finished: list[bool] = []
    errors: list[str] = []
    engine.connect("finished-utterance", lambda name, completed: finished.append(completed))
    engine.connect("error", lambda name, exception: errors.append(str(exception)))
    engine.setProperty("voice", request.voice)
    engine.setProperty("rate", request.rate_wpm)
    engine.setProperty("pitch", request.pitch)
    engine.save_to_file(request.text, str(path))
    engine.runAndWait()
    _wait_until(finished)
    loaded = str(engine.getProperty("voice"))
    if request.voice.lower() not in (loaded, loaded.rpartition("/")[2]):
        return f"espeak has no voice {request.voice!r} (it took {loaded!r}); 'en-us', 'en', 'fr', 'en-us+f3' are voices"
    return "; ".join(errors) or None


def _wait_until(finished: list[bool]) -> None:
    """``runAndWait`` returns before a long text is spoken; the parent's timeout ends this if it never is."""
    from threading import Event

    pause = Event()
    while not finished:
        pause.wait(0.005)


def _load_library() -> None:
    """Load espeak-ng by path, so that pyttsx3, which asks for it by name, gets this one."""
    import ctypes

    import espeakng_loader

    # Without it the library ends the process, without an exception.
    os.environ["ESPEAK_DATA_PATH"] = espeakng_loader.get_data_path()
    ctypes.CDLL(espeakng_loader.get_library_path(), mode=ctypes.RTLD_GLOBAL)


def _main(order: str) -> None:
    wanted = json.loads(order)
    path = Path(wanted.pop("path"))
    try:
        _load_library()
        complaint = _speak(SpeechRequest(**wanted), path)
    except Exception as error:
        complaint = f"{type(error).__name__}: {error}"
    if complaint:
        with suppress(OSError):
            os.write(2, f"{complaint}\n".encode())
    # The library is not safe to unload.
    os._exit(_REFUSED if complaint else 0)


if __name__ == "__main__":
    _main(sys.argv[1])
