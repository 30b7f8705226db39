"""Synthetic agent voices that can be told apart from their samples.

A voice is a function of its name: a pitch and two vowels, each a fixed spectrum of harmonics under 3.4 kHz, so that it
survives a telephone line. Speech in it follows the rhythm of the text: one swell a syllable, a dip between words, a
pause after a sentence. Within a syllable the spectrum is a mixture of the two vowels with equal phases; so every short
spectrum of a voice is a sum of its two, which is what :mod:`roomkit_sim.sim.audio.identification` relies on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.errors import AudioError
from roomkit_sim.sim.audio.pcm import Samples, amplitude, to_int16

__all__ = ["CHARACTERS_PER_SECOND", "Timbre", "speak", "timbre_of", "vowel_wave"]

CHARACTERS_PER_SECOND = 14.0
_TOP_HZ = 3400
# Chosen among a few so that the voice names of Gemini and OpenAI, and "", are well apart.
_PERSONALISATION = b"rk-voice-15"
_LEVEL_DBFS = -20.0
_SHORTEST_S = 0.25
_PAUSE_S = 0.12
_EDGE_S = 0.004
_WORD_DIP = 0.10
_SYLLABLE_DIP = 0.35


@dataclass(frozen=True)
class Timbre:
    """What a voice sounds like.

    Args:
        pitch_hz: Fundamental frequency; whole, so that one second of the voice repeats seamlessly.
        vowels: For each of two vowels its formants as ``(centre in Hz, bandwidth in Hz, gain)``.
    """

    pitch_hz: int
    vowels: tuple[tuple[tuple[float, float, float], ...], ...]


@lru_cache(maxsize=256)
def timbre_of(voice_name: str) -> Timbre:
    """The timbre of a voice name; any string has one, and the same string always the same."""
    digest = blake2b(voice_name.encode(), digest_size=16, person=_PERSONALISATION).digest()
    unit = [byte / 255 for byte in digest]
    open_vowel = (
        (450 + 450 * unit[1], 90.0, 1.0),
        (1000 + 500 * unit[2], 110.0, 0.7),
        (2200 + 1000 * unit[3], 150.0, 0.4),
    )
    close_vowel = (
        (250 + 250 * unit[4], 80.0, 1.0),
        (1500 + 900 * unit[5], 120.0, 0.6),
        (2500 + 800 * unit[6], 150.0, 0.4),
    )
    return Timbre(120 + int(105 * unit[0]), (open_vowel, close_vowel))


@lru_cache(maxsize=64)
def vowel_wave(voice_name: str, vowel: int, rate_hz: int) -> NDArray[np.float32]:
    """One second of a vowel at RMS 1; it continues seamlessly when repeated.

    Args:
        voice_name: The voice.
        vowel: 0 or 1.
        rate_hz: Sample rate; at least 8000.

    Raises:
        AudioError: The rate is too low for a voice.
    """
    if rate_hz < 8000:
        raise AudioError(f"a voice needs a sample rate of at least 8000 Hz, not {rate_hz} Hz")
    timbre = timbre_of(voice_name)
    harmonics = np.arange(1, _TOP_HZ // timbre.pitch_hz + 1)
    gains = _envelope(harmonics * timbre.pitch_hz, timbre.vowels[vowel])
    # Schroeder phases keep the peaks low; they depend on the harmonic's number only, so both vowels have the same.
    phases = np.exp(-1j * np.pi * harmonics * (harmonics - 1) / len(harmonics))
    spectrum = np.zeros(rate_hz // 2 + 1, dtype=np.complex128)
    spectrum[harmonics * timbre.pitch_hz] = gains * phases
    wave = np.fft.irfft(spectrum, rate_hz)
    unit: NDArray[np.float32] = (wave / np.sqrt(np.mean(wave**2))).astype(np.float32)
    return unit


def _envelope(
    frequencies: NDArray[np.integer], formants: tuple[tuple[float, float, float], ...]
) -> NDArray[np.floating]:
    peaks = [gain / (1 + ((frequencies - centre) / bandwidth) ** 2) for centre, bandwidth, gain in formants]
    total: NDArray[np.floating] = np.sum(peaks, axis=0) + 0.02
    return total


@lru_cache(maxsize=64)
def speak(text: str, voice_name: str, rate_hz: int = 24000) -> Samples:
    """Speech-like sound for a text in a voice.

    It has the voice and the length of speech (about 14 characters a second), begins and ends audibly, and is the same
    for the same arguments. No words can be understood in it: who spoke when is told by identifying the voice.

    Args:
        text: What is said; only its rhythm is heard.
        voice_name: Any string.
        rate_hz: Rate of the result.

    Returns:
        PCM16 mono, read-only: agents say the same in call after call, so what was said is kept.
    """
    syllables = _syllables(text)
    lengths = np.array([round(syllable.seconds * rate_hz) for syllable in syllables])
    loudness = np.concatenate([_swell(*each) for each in zip(syllables, lengths.tolist(), strict=True)])
    closeness = np.repeat(np.array([syllable.closeness for syllable in syllables], dtype=np.float32), lengths)
    closeness = _smooth(closeness, rate_hz // 50)
    open_wave, close_wave = (_repeat(vowel_wave(voice_name, vowel, rate_hz), len(loudness)) for vowel in (0, 1))
    sound = loudness * ((1 - closeness) * open_wave + closeness * close_wave)
    _fade_edges(sound, round(_EDGE_S * rate_hz))
    samples = to_int16(sound * amplitude(_LEVEL_DBFS))
    samples.setflags(write=False)
    return samples


@dataclass(frozen=True)
class _Syllable:
    seconds: float
    closeness: float
    floor_before: float
    floor_after: float
    silent: bool = False


_CLOSENESS = {"a": 0.1, "o": 0.3, "u": 0.6, "e": 0.75, "i": 0.95, "y": 0.95}


def _syllables(text: str) -> list[_Syllable]:
    """The rhythm of a text: syllables of its words, pauses after its sentences."""
    rhythm: list[_Syllable] = []
    words = text.split() or ["a"]
    for index, word in enumerate(words):
        rhythm.extend(_word(word))
        if word[-1] in ".?!;:" and index + 1 < len(words):
            rhythm.append(_Syllable(_PAUSE_S, 0.5, 0, 0, silent=True))
    spoken = sum(syllable.seconds for syllable in rhythm)
    if spoken < _SHORTEST_S:
        return [_Syllable(_SHORTEST_S, rhythm[0].closeness, _WORD_DIP, _WORD_DIP)]
    return rhythm


def _word(word: str) -> list[_Syllable]:
    nuclei = re.findall(r"[aeiouy]+", word.lower()) or ["a"]
    seconds = (len(word) + 1) / CHARACTERS_PER_SECOND / len(nuclei)
    last = len(nuclei) - 1
    return [
        _Syllable(
            seconds,
            _CLOSENESS[nucleus[0]],
            _WORD_DIP if index == 0 else _SYLLABLE_DIP,
            _WORD_DIP if index == last else _SYLLABLE_DIP,
        )
        for index, nucleus in enumerate(nuclei)
    ]


@lru_cache(maxsize=1024)
def _swell(syllable: _Syllable, length: int) -> NDArray[np.float32]:
    """Loudness over time: from a dip up to 1 in the first fifth of a syllable, down to a dip in its last third.

    Kept, because syllables of the same kind come again and again.
    """
    position = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
    before, after = np.float32(syllable.floor_before), np.float32(syllable.floor_after)
    rise = before + (1 - before) * np.clip(position / 0.2, 0, 1)
    fall = after + (1 - after) * np.clip((1 - position) / 0.35, 0, 1)
    loudness: NDArray[np.float32] = np.minimum(rise, fall) * np.float32(not syllable.silent)
    return loudness


def _smooth(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Moving average, edges held."""
    padded = np.pad(values, (width // 2 + 1, width - width // 2 - 1), mode="edge")
    sums = np.cumsum(padded, dtype=np.float64)
    return ((sums[width:] - sums[:-width])[: len(values)] / width).astype(np.float32)


def _repeat(wave: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    return np.resize(wave, length)


def _fade_edges(sound: NDArray[np.float32], length: int) -> None:
    """Fade in and out at the very ends, in place, so that there are no clicks."""
    ramp = np.linspace(0.2, 1, min(length, len(sound)), dtype=np.float32)
    sound[: len(ramp)] *= ramp
    sound[len(sound) - len(ramp) :] *= ramp[::-1]
