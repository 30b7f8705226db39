"""Compares what was received with a template of an utterance.

A template is cut into blocks. Each block may lie anywhere in the received features, but a block must follow its
predecessor at about its own length: a little later (a pause, slower speech) or quite some earlier (packets were lost).
Dynamic programming finds the best placement of all blocks; its score is the correlation of the blocks, weighted by how
much each carries. 400 ms blocks find the utterance; 100 ms blocks then follow it closely, to look for a passage that
is not like the template although the rest is: another word in the same sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roomkit_sim.sim.audio.features import BANDS, Features

__all__ = ["Alignment", "Template", "follow", "score_all"]

_COARSE = 20  # frames: 400 ms
_FINE = 5  # frames: 100 ms
_COARSE_EARLIER, _COARSE_LATER = 12, 3
_FINE_EARLIER, _FINE_LATER = 2, 1
_WINDOW = 10  # frames: 200 ms, about a syllable
_QUIET_SHARE = 0.35
_ACTIVE_SHARE = 0.4


class Template:
    """An utterance prepared for comparison.

    Args:
        features: Its log-mel features.
    """

    def __init__(self, features: Features) -> None:
        self.centred: Features = features - features.mean(axis=0)
        self.coarse, self.coarse_weights = _blocks(self.centred, _COARSE)
        self.fine, self.fine_weights = _blocks(self.centred, _FINE)


@dataclass(frozen=True, slots=True)
class Alignment:
    """How closely received speech follows a template.

    Args:
        worst: Correlation in the least similar 200 ms.
        typical: The median over all such windows.
        covered: Share of the received frames with speech in them that the template accounts for.
    """

    worst: float
    typical: float
    covered: float

    @property
    def ratio(self) -> float:
        """How far the worst passage falls behind the rest: 1 is not at all."""
        return self.worst / max(self.typical, 0.01)


def _blocks(centred: Features, length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blocks of ``length`` frames, each flattened and of norm 1, and their shares of the energy."""
    count = -(-len(centred) // length)
    padded = np.pad(centred, ((0, count * length - len(centred)), (0, 0)))
    flat = padded.reshape(count, length * BANDS)
    energy = (flat**2).sum(axis=1)
    return flat / (np.sqrt(energy)[:, None] + 1e-6), energy / max(float(energy.sum()), 1e-9)


def score_all(received: Features, templates: list[Template]) -> NDArray[np.float32]:
    """The score of each template, up to 1.

    Args:
        received: Features of what was received, centred on its own mean.
        templates: The utterances that are known.
    """
    blocks = np.concatenate([template.coarse for template in templates])
    similarity = _similarity(received, blocks, _COARSE)
    scores = np.zeros(len(templates), dtype=np.float32)
    at = 0
    for index, template in enumerate(templates):
        own = similarity[:, at : at + len(template.coarse)] * template.coarse_weights
        scores[index] = _accumulate(own, _COARSE, _COARSE_EARLIER, _COARSE_LATER)[-1].max()
        at += len(template.coarse)
    return scores


def _similarity(received: Features, blocks: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Correlation of each block with each place; row ``r`` is the block starting at frame ``r - length``."""
    margin = np.zeros((length, BANDS), dtype=np.float32)
    padded = np.concatenate([margin, received, margin])
    places = np.lib.stride_tricks.sliding_window_view(padded, length, axis=0).transpose(0, 2, 1)
    flat = places.reshape(len(places), -1)
    norms = np.linalg.norm(flat, axis=1) + 1e-3 * np.sqrt(length * BANDS)
    correlation: NDArray[np.float32] = (flat @ blocks.T) / norms[:, None]
    return correlation


def _accumulate(weighted: NDArray[np.float32], length: int, earlier: int, later: int) -> list[NDArray[np.float32]]:
    """Best sum of similarities up to each block, by the place of that block."""
    best = weighted[:, 0]
    sums = [best]
    for block in range(1, weighted.shape[1]):
        best = _predecessors(best, length, earlier, later).max(axis=1) + weighted[:, block]
        sums.append(best)
    return sums


def _predecessors(best: NDArray[np.float32], length: int, earlier: int, later: int) -> NDArray[np.float32]:
    """Row ``p``: the sums at the places ``p - length - later .. p - length + earlier``."""
    padded = np.pad(best, (length + later, earlier), constant_values=-1e3)
    return np.lib.stride_tricks.sliding_window_view(padded, earlier + later + 1)[: len(best)]


def follow(received: Features, template: Template) -> Alignment:
    """Follow a template closely through what was received, and measure where it is least alike."""
    weighted = _similarity(received, template.fine, _FINE) * template.fine_weights
    places = _trace_back(_accumulate(weighted, _FINE, _FINE_EARLIER, _FINE_LATER)) - _FINE
    frames = (places[:, None] + np.arange(_FINE)).ravel()[: len(template.centred)]
    inside = (frames >= 0) & (frames < len(received))
    followed = np.where(inside[:, None], received[np.clip(frames, 0, len(received) - 1)], 0)
    local = _windowed_correlation(followed, template.centred)
    return Alignment(float(local.min()), float(np.median(local)), _covered(received, frames[inside]))


def _covered(received: Features, frames: NDArray[np.intp]) -> float:
    level = received.mean(axis=1)
    active = level > level.min() + _ACTIVE_SHARE * float(np.percentile(level, 95) - level.min())
    touched = np.zeros(len(received), dtype=bool)
    touched[frames] = True
    return float((active & touched).sum() / max(int(active.sum()), 1))


def _trace_back(sums: list[NDArray[np.float32]]) -> NDArray[np.intp]:
    """The place of each block on the best way, from the accumulated sums."""
    places = [int(sums[-1].argmax())]
    for best in reversed(sums[:-1]):
        window = _predecessors(best, _FINE, _FINE_EARLIER, _FINE_LATER)[places[-1]]
        places.append(places[-1] - _FINE - _FINE_LATER + int(window.argmax()))
    return np.array(places[::-1])


def _windowed_correlation(left: Features, right: Features) -> NDArray[np.float32]:
    """Correlation in each 200 ms window that carries enough of ``right``."""
    width = min(_WINDOW, len(right))
    ones = np.ones(width, dtype=np.float32)
    product, left_energy, right_energy = (
        np.convolve(values.sum(axis=1), ones, "valid") for values in (left * right, left**2, right**2)
    )
    local = product / np.sqrt(left_energy * right_energy + 1e-9)
    correlation: NDArray[np.float32] = local[right_energy >= _QUIET_SHARE * np.median(right_energy)]
    return correlation
