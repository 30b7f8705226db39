"""Recognises with pocketsphinx, in this process or in one of its own.

Run by its path, it imports nothing of this package and serves a parent over its standard streams: the parent writes a
line with the number of bytes and then so much PCM16; the worker answers with a line of JSON, ``{"text": ...}`` or
``{"error": ...}``::

    python -P pocketsphinx_worker.py '{"sample_rate": 16000, "phrases": null}'
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["Recogniser", "normalised"]

_DITHER_DBFS = -60.0


class Recogniser:
    """A decoder with the English model that comes with pocketsphinx.

    Args:
        sample_rate: Of the audio, in Hz.
        phrases: The only sentences that there are; any English when absent.

    Raises:
        ValueError: A phrase has a word that the model's dictionary lacks.
    """

    def __init__(self, sample_rate: int, phrases: Sequence[str] | None) -> None:
        from pocketsphinx import Decoder

        self._phrases = {normalised(phrase): phrase for phrase in phrases or ()}
        settings: dict[str, Any] = {"samprate": sample_rate, "loglevel": "FATAL"}
        if self._phrases:
            settings["lm"] = None
        self._decoder = Decoder(**settings)
        if self._phrases:
            self._check_words()
            sentences = " | ".join(self._phrases)
            self._decoder.add_jsgf_string("phrases", f"#JSGF V1.0; grammar phrases; public <phrase> = {sentences};")
            self._decoder.activate_search("phrases")

    def recognise(self, pcm: bytes) -> str:
        """The words of one utterance, PCM16 mono; empty when none were understood."""
        self._decoder.start_utt()
        # A whole utterance at once: the decoder's own estimate of the line then does not depend on what came before.
        self._decoder.process_raw(_dithered(pcm), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        text = found.hypstr if found is not None else ""
        return self._phrases.get(text, text)

    def _check_words(self) -> None:
        words = sorted({word for phrase in self._phrases for word in phrase.split()})
        unknown = [word for word in words if self._decoder.lookup_word(word) is None]
        if unknown:
            raise ValueError(f"the dictionary has no {', '.join(unknown)}: use other words in phrases")


def normalised(phrase: str) -> str:
    """A sentence as the dictionary spells it: small letters, no punctuation."""
    return " ".join(re.findall(r"[a-z']+", phrase.lower()))


def _dithered(pcm: bytes) -> bytes:
    """The audio with faint noise: of digital silence the decoder makes nonsense (0.34 right, with noise 1.00)."""
    import numpy as np

    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float64)
    noise = np.random.default_rng(0).normal(0, 32768 * 10 ** (_DITHER_DBFS / 20), samples.size)
    dithered: bytes = np.clip(np.rint(samples + noise), -32768, 32767).astype("<i2").tobytes()
    return dithered


def _serve(settings: str) -> None:
    recogniser, refusal = None, ""
    try:
        recogniser = Recogniser(**json.loads(settings))
    except Exception as error:
        refusal = f"{type(error).__name__}: {error}"
    while header := sys.stdin.buffer.readline():
        pcm = sys.stdin.buffer.read(int(header))
        try:
            answer = {"error": refusal} if recogniser is None else {"text": recogniser.recognise(pcm)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
