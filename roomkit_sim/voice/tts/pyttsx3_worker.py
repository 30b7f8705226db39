"""Speaks one text to a WAV file: the process that :mod:`roomkit_sim.voice.tts.pyttsx3_provider` starts for it.

A process speaks once. In one that lives on, the same text gives other bytes every time, threads crash the library, and
an unknown voice is ignored without a word. Run by its path, it imports nothing of this package::

    python -P pyttsx3_worker.py '{"text": ..., "voice": ..., "rate_wpm": ..., "pitch": ..., "volume": ..., "path": ...}'
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Any

__all__ = ["REFUSED"]

REFUSED = 3
"""Exit status when the text could not be spoken; the last line of stderr says why."""


def _speak(order: dict[str, Any]) -> str | None:
    """Speak; tells what is wrong with the result, if something is."""
    import pyttsx3

    engine = pyttsx3.init("espeak")
    finished: list[bool] = []
    errors: list[str] = []
    engine.connect("finished-utterance", lambda name, completed: finished.append(completed))
    engine.connect("error", lambda name, exception: errors.append(str(exception)))
    for name, value in (("voice", order["voice"]), ("rate", order["rate_wpm"]), ("volume", order["volume"])):
        engine.setProperty(name, value)
    engine.setProperty("pitch", order["pitch"])
    engine.save_to_file(order["text"], order["path"])
    engine.runAndWait()
    _wait_until(finished)
    loaded = str(engine.getProperty("voice"))
    if order["voice"].lower() not in (loaded, loaded.rpartition("/")[2]):
        return f"espeak has no voice {order['voice']!r}; 'en-us', 'en', 'fr', 'en-us+f3' are voices"
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
    try:
        _load_library()
        complaint = _speak(json.loads(order))
    except Exception as error:
        complaint = f"{type(error).__name__}: {error}"
    if complaint:
        with suppress(OSError):
            os.write(2, f"{complaint}\n".encode())
    # The library is not safe to unload.
    os._exit(REFUSED if complaint else 0)


if __name__ == "__main__":
    _main(sys.argv[1])
