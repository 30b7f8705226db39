"""Recognises which of the known utterances was received, or that it was none of them.

The harness owns every sound that it plays, so it need not understand speech; it compares. An utterance is heard only if
three things hold: its template correlates with what was received, no syllable of it is unlike the template (a sentence
with one other word is another sentence), and it accounts for nearly all speech that was received (a known sentence
within a longer one is not that sentence). Whatever fails is unheard: never is the expected line taken instead.

The thresholds were set on 40 espeak sentences with near-duplicates among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from roomkit_sim.sim.audio.features import RATE_HZ, Features, log_mel
from roomkit_sim.sim.audio.files import Clip
from roomkit_sim.sim.audio.matching import Alignment, Template, follow, score_all
from roomkit_sim.sim.audio.pcm import Samples, amplitude
from roomkit_sim.sim.audio.resampling import resample

__all__ = ["Ambiguous", "Heard", "Recognition", "SimilarPair", "Unheard", "UtteranceRecogniser"]

_LEAST_SCORE = 0.62
_LEAST_RATIO = 0.75
_LEAST_COVERED = 0.7
_RIVAL_WITHIN = 0.12
_CLEAR_MARGIN = 0.02
# Stricter than what recognition needs: what is only just told apart on a clean line is not on a bad one.
_ALIKE_SCORE = 0.8
_ALIKE_RATIO = 0.6
_SILENT_DBFS = -58.0
_MARGIN_SAMPLES = RATE_HZ // 10


@dataclass(frozen=True, slots=True)
class Heard:
    """An utterance was recognised.

    Args:
        id: Which.
        score: Correlation with its template, up to 1.
        margin: How far the next best utterance's score is behind.
        worst: Correlation of the least similar syllable, relative to the typical one.
    """

    id: str
    score: float
    margin: float
    worst: float


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one utterance fits, with their scores, best first."""

    candidates: tuple[tuple[str, float], ...]

    @property
    def score(self) -> float:
        """The best candidate's score."""
        return self.candidates[0][1]


@dataclass(frozen=True, slots=True)
class Unheard:
    """No utterance fits; ``best`` came nearest, if any was near at all, with its score."""

    best: str | None
    score: float


Recognition: TypeAlias = Heard | Ambiguous | Unheard


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two utterances that are too alike to be told apart reliably."""

    a: str
    b: str
    score: float


class UtteranceRecogniser:
    """Knows the sound of some utterances.

    Args:
        templates: Utterance id to its sound, at any rate from 8 kHz; a clip at 8 kHz is compared on what it has.
    """

    def __init__(self, templates: Mapping[str, Clip]) -> None:
        self._ids = list(templates)
        self._features = [_template_features(clip) for clip in templates.values()]
        self._templates = [Template(features) for features in self._features]

    @property
    def ids(self) -> tuple[str, ...]:
        """The known utterances."""
        return tuple(self._ids)

    def recognise(self, samples: Samples, rate_hz: int) -> Recognition:
        """Tell which utterance a piece of received audio is.

        Args:
            samples: One utterance with or without quiet around it, PCM16 mono.
            rate_hz: Its rate.
        """
        if not self._ids or not _audible(samples):
            return Unheard(None, 0.0)
        received = _centred(log_mel(resample(samples, rate_hz, RATE_HZ)))
        scores = score_all(received, self._templates)
        order = [int(index) for index in scores.argsort()[::-1]]
        best = float(scores[order[0]])
        fitting = self._fitting(received, {index: float(scores[index]) for index in order}, best)
        if not fitting:
            return Unheard(self._ids[order[0]], best)
        if len(fitting) > 1 and fitting[0][1] - fitting[1][1] < _CLEAR_MARGIN:
            return Ambiguous(tuple((self._ids[index], score) for index, score, _ in fitting))
        index, score, alignment = fitting[0]
        others = [float(scores[other]) for other in order if other != index]
        return Heard(self._ids[index], score, score - max(others, default=0.0), alignment.ratio)

    def similar_pairs(self) -> list[SimilarPair]:
        """Pairs of known utterances that cannot be told apart reliably, in the order of their ids' appearance."""
        pairs: dict[tuple[int, int], float] = {}
        for spoken, features in enumerate(self._features):
            received = _centred(features)
            scores = score_all(received, self._templates)
            for other, score in enumerate(scores.tolist()):
                if other == spoken or score < _ALIKE_SCORE:
                    continue
                if _fits(follow(received, self._templates[other]), _ALIKE_RATIO):
                    pair = (min(spoken, other), max(spoken, other))
                    pairs[pair] = max(score, pairs.get(pair, 0.0))
        return [SimilarPair(self._ids[a], self._ids[b], score) for (a, b), score in sorted(pairs.items())]

    def _fitting(
        self, received: Features, scores: Mapping[int, float], best: float
    ) -> list[tuple[int, float, Alignment]]:
        """The utterances that pass every test, best first, with score and alignment."""
        fitting = []
        for index, score in scores.items():
            if score < max(_LEAST_SCORE, best - _RIVAL_WITHIN):
                break
            alignment = follow(received, self._templates[index])
            if _fits(alignment, _LEAST_RATIO):
                fitting.append((index, score, alignment))
        return fitting


def _fits(alignment: Alignment, least_ratio: float) -> bool:
    return alignment.ratio >= least_ratio and alignment.covered >= _LEAST_COVERED


def _template_features(clip: Clip) -> Features:
    return log_mel(np.pad(resample(clip.samples, clip.rate_hz, RATE_HZ), _MARGIN_SAMPLES))


def _centred(features: Features) -> Features:
    centred: Features = features - features.mean(axis=0)
    return centred


def _audible(samples: Samples) -> bool:
    if not len(samples):
        return False
    return float(np.abs(samples.astype(np.float32)).max()) >= amplitude(_SILENT_DBFS) * 3
