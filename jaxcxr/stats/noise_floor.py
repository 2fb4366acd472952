"""How large an expected calibration error is by chance, and what is left without the chance.

ECE is a sum of distances, so it is above zero for any finite data, more so the fewer images a bin
has. Redraws do not tell of that: they add to it, and their percentile interval often excludes the
truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from jaxcxr.stats.arrays import check_columns, group_codes

_BLOCK = 2**22


@dataclass(frozen=True)
class NoiseFloor:
    """ECE of one label beside what it would be if every probability were right.

    Attributes:
      ece: of the data.
      floor: its mean if each image were positive with just its probability.
      floor_high: its 95th percentile then: an ECE below cannot be told from calibration (Brocker
        and Smith 2007, consistency resampling).
      debiased: the ECE less the part that chance adds (Kumar, Liang and Ma 2019), not below 0.
    """

    ece: float
    floor: float
    floor_high: float
    debiased: float


def noise_floor(
    labels: Any,
    probabilities: Any,
    groups: Any = None,
    *,
    bins: int = 10,
    draws: int = 400,
    seed: int = 0,
) -> NoiseFloor:
    """Compute ECE of one label with its noise floor, over bins of equal width.

    Args:
      labels: `[images]`; 1, 0, or -1 for unknown, left out.
      probabilities: `[images]`, in 0 to 1.
      groups: `[images]`; names of patients. Their images' outcomes then vary together in the
        debiased value. The floor is of independent images: what it would take to draw images
        of a patient together is not known.
      bins: as in `calibration`.
      draws: sets of labels drawn from the probabilities.
      seed: of them.

    Raises:
      ValueError: as `check_columns`, or probabilities out of range.
    """
    columns = check_columns(labels, probabilities)
    known = columns.labels[:, 0] >= 0
    truth = columns.labels[known, 0] == 1
    predicted = columns.scores[0, known, 0].astype(np.float64)
    if ((predicted < 0) | (predicted > 1)).any():
        raise ValueError("probabilities must lie between 0 and 1; give sigmoid(logits)")
    number = len(truth)
    if number == 0:
        return NoiseFloor(np.nan, np.nan, np.nan, np.nan)
    bin_of = np.minimum((predicted * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, truth - predicted, bins) / number
    drawn = _drawn(predicted, bin_of, bins, draws, seed)
    codes = np.arange(number) if groups is None else group_codes(groups, len(known))[0][known]
    spread = _spread(truth, predicted, bin_of, bins, codes)
    ece = float(np.abs(gap).sum())
    return NoiseFloor(
        ece=ece,
        floor=float(drawn.mean()),
        floor_high=float(np.quantile(drawn, 0.95)),
        debiased=max(0.0, 2 * ece - float(_mean_distance(gap, spread).sum())),
    )


def _drawn(
    predicted: np.ndarray, bin_of: np.ndarray, bins: int, draws: int, seed: int
) -> np.ndarray:
    """Give the ECE of each of `draws` sets of labels, `[draws]`."""
    stream = np.random.Generator(np.random.PCG64(seed))
    # In order of their bins, so that a bin's sum is one slice.
    order = np.argsort(bin_of, kind="stable")
    ordered = predicted[order]
    filled, starts = np.unique(bin_of[order], return_index=True)
    expected = np.bincount(bin_of, predicted, bins)[filled]
    found = []
    block = max(1, _BLOCK // len(predicted))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        positive = stream.random((rows, len(ordered)), np.float32) < ordered
        positives = np.add.reduceat(positive, starts, axis=1, dtype=np.int64)
        found.append(np.abs(positives - expected).sum(axis=1) / len(ordered))
    return np.concatenate(found)


def _spread(
    truth: np.ndarray, predicted: np.ndarray, bin_of: np.ndarray, bins: int, codes: np.ndarray
) -> np.ndarray:
    """Standard error of each bin's share of the gap, by groups, `[bins]`."""
    images = np.maximum(np.bincount(bin_of, minlength=bins), 1)
    gaps = truth - predicted
    deviation = gaps - (np.bincount(bin_of, gaps, bins) / images)[bin_of]
    pairs, place = np.unique(codes.astype(np.int64) * bins + bin_of, return_inverse=True)
    sums = np.bincount(place, deviation)
    own = pairs % bins
    groups = np.bincount(own, minlength=bins)
    small = np.where(groups > 1, groups / np.maximum(groups - 1, 1), 1.0)
    return np.sqrt(small * np.bincount(own, sums**2, bins)) / len(truth)


def _mean_distance(gap: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Mean of the distance from zero of a normal number with this mean and spread."""
    at = np.divide(gap, spread, out=np.full_like(gap, np.inf), where=spread > 0)
    bell = np.exp(-(np.minimum(np.abs(at), 1e3) ** 2) / 2) * np.sqrt(2 / np.pi)
    return spread * bell + np.abs(gap) * (1 - 2 * ndtr(-np.abs(at)))
