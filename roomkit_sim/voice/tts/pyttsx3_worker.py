"""Speaks one text to a WAV file: the process that :mod:`roomkit_sim.voice.tts.pyttsx3_provider` starts for it.

A process speaks once. In one that lives on, the same text gives other bytes every time, threads crash the library, and
an unknown voice is ignored without a word. Run by its path, it imports nothing of this package::

    python -P pyttsx3_worker.py '{"text": ..., "voice": ..., "rate_wpm": ..., "pitch": ..., "volume": ..., "path": ...}'

Of pyttsx3 only the bindings to espeak are used. Its engine lets the library speak in a thread of the library's own,
which takes settings from a queue while the voice is changed beside it: about one text in a hundred is then spoken at
pyttsx3's 200 words per minute, whatever was asked for.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import wave
from contextlib import suppress
from typing import Any

__all__ = ["REFUSED"]

REFUSED = 3
"""Exit status when the text could not be spoken; the last line of stderr says why."""
_BUFFER_MS = 1000
_SEED = 1


def _speak(order: dict[str, Any]) -> str | None:
    """Speak; tells what is wrong with the result, if something is."""
    from pyttsx3.drivers import _espeak as espeak

    # Everything is done when a call returns, in this thread.
    rate_hz = espeak.Initialize(espeak.AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS)
    if rate_hz <= 0:
        return f"espeak did not start: status {rate_hz}"
    _seed(espeak.dll)
    spoken: list[bytes] = []

    def take(samples: Any, count: int, events: Any) -> int:
        if count > 0:
            spoken.append(ctypes.string_at(samples, count * ctypes.sizeof(ctypes.c_short)))
        return 0

    espeak.SetSynthCallback(take)
    if espeak.SetVoiceByName(order["voice"].encode()) or not _is_set(order["voice"], espeak.GetCurrentVoice()):
        return f"espeak has no voice {order['voice']!r}; 'en-us', 'en', 'fr', 'en-us+f3' are voices"
    volume = round(order["volume"] * 100)
    for parameter, value in ((espeak.RATE, order["rate_wpm"]), (espeak.VOLUME, volume), (espeak.PITCH, order["pitch"])):
        espeak.SetParameter(parameter, value, 0)
    status = espeak.Synth(order["text"], flags=espeak.ENDPAUSE | espeak.CHARS_UTF8)
    if status:
        return f"espeak did not speak: status {status}"
    with wave.open(order["path"], "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(b"".join(spoken))
    return None


def _seed(library: ctypes.CDLL) -> None:
    """Breath and the like are made of random numbers, whose seed is the time in seconds otherwise."""
    # Not in a library before 1.52, if the system has one that is found first.
    with suppress(AttributeError):
        library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))


def _is_set(voice: str, current: Any) -> bool:
    """Whether espeak has taken the voice: of one with an unknown variant it takes the rest, and says nothing."""
    loaded = current.contents.identifier.decode().lower() if current else ""
    return voice.lower() in (loaded, loaded.rpartition("/")[2])


def _load_library() -> None:
    """Load espeak-ng by path, so that pyttsx3, which asks for it by name, gets this one."""
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
