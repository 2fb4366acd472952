"""Models that were each trained several times: another training would give another AUC.

The trainings (seeds) of a model are to its test images what the readers of a study are to their
cases, so the spread between trainings and that between patients are put together as by Obuchowski
and Rockette 1995, with the degrees of freedom of Hillis 2007; the trainings of two models have
nothing to do with each other, as readers who each read under one modality (Hillis 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, stdtr, stdtrit

from jaxcxr.stats.levels import tails


@dataclass(frozen=True)
class OverTrainings:
    """A model's value, or a difference between models, with what is known of it.

    Attributes:
      value: mean over the trainings of a model; of a difference, first less second.
      error: standard error; NaN where it cannot be known.
      freedom: degrees of freedom; infinite if no model has several trainings.
      low, high: ends of the interval, of Student's t; NaN where the error is zero or NaN. That of
        a single share, such as an AUC, is made on the logit scale, which keeps it in 0 to 1.
      p: two-sided, of no difference from zero; NaN as the interval, but 1 where value and error
        are both zero.
      of_initializations: whether each model has several trainings. If not, a model with one
        training stands for that training only, and the result says nothing of another.
    """

    value: float
    error: float
    freedom: float
    low: float
    high: float
    p: float
    of_initializations: bool


def over_trainings(
    values: Sequence[np.ndarray],
    covariance: np.ndarray,
    contrast: Sequence[float],
    level: float = 0.95,
) -> OverTrainings:
    """Judge a contrast of models over both trainings and patients.

    With s the standard deviation over a model's S trainings, and Cov2 and Cov3 the mean covariance
    between two trainings of one model and of two models, the variance of a difference is
    V = s1^2/S1 + s2^2/S2 + max(0, Cov2_1 + Cov2_2 - 2 Cov3), its degrees of freedom
    V^2 / sum((s^2/S)^2 / (S - 1)), and the variance of one model s^2/S + Cov2. A model trained
    once has its own variance for Cov2, and no s.

    Args:
      values: of each model, `[trainings]`, such as AUCs on the same images.
      covariance: `[all trainings, all trainings]`, of the values over patients, in that order.
      contrast: what each model counts: (1,) for one, (1, -1) for a difference.
      level: of the interval.
    """
    tail = tails(level)[1]
    counts = np.array([len(own) for own in values])
    last = np.cumsum(counts)
    own = [slice(end - count, end) for end, count in zip(last, counts, strict=True)]
    value = float(sum(c * np.mean(one) for c, one in zip(contrast, values, strict=True)))
    spread = np.array([np.var(one, ddof=1) if len(one) > 1 else 0.0 for one in values])
    of_trainings = np.square(contrast) * spread / counts
    of_patients = sum(
        contrast[i] * contrast[j] * _mean_covariance(covariance[own[i], own[j]], i == j)
        for i in range(len(values))
        for j in range(len(values))
    )
    variance = float(of_trainings.sum() + np.maximum(of_patients, 0.0))
    several = counts > 1
    uncertain = float(np.sum(of_trainings[several] ** 2 / (counts[several] - 1)))
    freedom = variance**2 / uncertain if uncertain > 0 else np.inf
    error = float(np.sqrt(variance))
    ends = _judged(value, error, freedom, tail, share=tuple(contrast) == (1,))
    return OverTrainings(value, error, freedom, *ends, bool(several.all()))


def _mean_covariance(block: np.ndarray, own: bool) -> float:
    """Mean over pairs of trainings; of one model's own, over pairs of two different ones."""
    if own and len(block) > 1:
        return float(block[~np.eye(len(block), dtype=bool)].mean())
    return float(block.mean())


def _judged(
    value: float, error: float, freedom: float, tail: float, *, share: bool
) -> tuple[float, float, float]:
    """Give low, high and p from Student's t."""
    # Rounding leaves about 1e-17 where the exact value or error is zero.
    if np.isnan(error) or error < 1e-9:
        return np.nan, np.nan, 1.0 if error < 1e-9 and abs(value) < 1e-12 else np.nan
    half = error * float(stdtrit(freedom, tail))
    p = float(2 * stdtr(freedom, -abs(value) / error))
    if not share:
        return value - half, value + half, p
    if not 0 < value < 1:  # Has no finite logit.
        return max(value - half, 0.0), min(value + half, 1.0), p
    half /= value * (1 - value)
    low, high = expit(logit(value) + np.array([-half, half]))
    return float(low), float(high), p
