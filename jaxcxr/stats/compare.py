"""Differences in AUC between models on the same images: interval, p-values, q-values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import Columns, check_columns
from jaxcxr.stats.bootstrap import Bootstrap, bootstrap
from jaxcxr.stats.delong import delong
from jaxcxr.stats.intervals import percentile_interval
from jaxcxr.stats.multiplicity import benjamini_hochberg, holm
from jaxcxr.stats.resample import fewest_units


@dataclass(frozen=True)
class Comparison:
    """AUC of the first model minus AUC of the second, in the same redraws.

    Attributes:
      models: numbers of the two models.
      difference: `[labels]`, of the data themselves; NaN for a label without both classes.
      interval: `[labels, 2]`, percentile interval; NaN, as sd and p are, where a class of the
        label is a single image (or group).
      sd: `[labels]`, over the redraws.
      p: `[labels]`, two-sided, from the paired bootstrap.
      q: `[labels]`, p adjusted by Benjamini-Hochberg over the family: all labels, and all pairs of
        models compared together.
      holm: `[labels]`, p adjusted by Holm over the same family.
      delong_p: `[labels]`, of DeLong's test, by groups where given; NaN if not estimable.
      delong_error: `[labels]`, the standard error of the difference in that test.
      disagree: `[labels]` bool, whether the two tests contradict each other; see `disagreement`.
      unusable: `[labels]`, redraws without both classes, left out.
      average_difference, average_sd, average_p: of the mean AUC over the estimable labels.
      average_interval: `[2]`.
      average_unusable: redraws in which some estimable label lacks a class.
    """

    models: tuple[int, int]
    difference: np.ndarray
    interval: np.ndarray
    sd: np.ndarray
    p: np.ndarray
    q: np.ndarray
    holm: np.ndarray
    delong_p: np.ndarray
    delong_error: np.ndarray
    disagree: np.ndarray
    unusable: np.ndarray
    average_difference: float
    average_sd: float
    average_p: float
    average_interval: np.ndarray
    average_unusable: int


def compare(
    labels: Any,
    scores: Any,
    *,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
    level: float = 0.95,
) -> Comparison:
    """Compare two models; arguments as in `bootstrap`, `scores` `[2, images, labels]`.

    Raises:
      ValueError: as `bootstrap`, or not exactly two models.
    """
    if np.ndim(scores) - np.ndim(labels) != 1 or np.shape(scores)[0] != 2:
        raise ValueError(f"scores {np.shape(scores)} must be of two models: [2, images, labels]")
    return compare_all(labels, scores, resamples=resamples, seed=seed, groups=groups, level=level)[
        0
    ]


def compare_all(
    labels: Any,
    scores: Any,
    *,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
    level: float = 0.95,
) -> tuple[Comparison, ...]:
    """Compare every two of several models, `scores` `[models, images, labels]`, as one family."""
    columns = check_columns(labels, scores)
    redraws = bootstrap(
        columns.labels, columns.scores, resamples=resamples, seed=seed, groups=groups
    )
    pairs = list(combinations(range(len(columns.scores)), 2))
    found = [_compare_pair(columns, redraws, pair, groups, level) for pair in pairs]
    p = np.stack([pair["p"] for pair in found])
    return tuple(
        Comparison(models=pair, q=q, holm=adjusted, **values)
        for pair, values, q, adjusted in zip(
            pairs, found, benjamini_hochberg(p), holm(p), strict=True
        )
    )


def bootstrap_p(differences: Any) -> np.ndarray:
    """Two-sided p-value of no difference from paired redraws, `[resamples, ...]` -> `[...]`.

    Twice (k + 1) / (B + 1), at most 1, where k of the B usable redraws (not NaN) lie on or beyond
    zero on the rarer side (Davison and Hinkley 1997, section 4.2). It cannot be zero.
    """
    differences = np.asarray(differences, np.float64)
    usable = np.sum(~np.isnan(differences), axis=0)
    beyond = np.minimum(np.sum(differences <= 0, axis=0), np.sum(differences >= 0, axis=0))
    return np.where(usable > 0, np.minimum(2 * (beyond + 1) / (usable + 1), 1.0), np.nan)


def disagreement(p: np.ndarray, delong_p: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Whether two p-values differ by more than half again and than the redraws' own chance.

    From k redraws beyond zero, p is uncertain by about 3 sqrt(k + 1) of them. DeLong's p lies
    outside that, times or divided by 1.5. The smallest p that the redraws can give stands for any
    smaller p of DeLong.
    """
    theirs = np.clip(delong_p, 2 / (usable + 1), 1)
    beyond = p * (usable + 1) / 2
    chance = 3 * np.sqrt(beyond) * 2 / (usable + 1)
    with_both = ~np.isnan(p) & ~np.isnan(delong_p)
    return with_both & ((theirs < (p - chance) / 1.5) | (theirs > (p + chance) * 1.5))


def _compare_pair(
    columns: Columns, redraws: Bootstrap, pair: tuple[int, int], groups: Any, level: float
) -> dict[str, Any]:
    first, second = pair
    difference = redraws.estimates.auc[first] - redraws.estimates.auc[second]
    replicates = redraws.auc[first] - redraws.auc[second]
    estimable = ~np.isnan(difference)
    # A class of a single unit gives a value, and no spread to judge it by.
    spread_known = np.array([fewest_units(column, groups) > 1 for column in columns.labels.T])
    of_labels = np.where(spread_known, replicates, np.nan)
    spread = percentile_interval(difference, of_labels, level)
    p = np.where(estimable, bootstrap_p(of_labels), np.nan)
    tests = np.full((2, len(difference)), np.nan)
    for label in np.flatnonzero(estimable):
        tested = delong(columns.labels[:, label], columns.scores[list(pair), :, label], groups)
        tests[:, label] = tested.difference()[1:]
    mean, mean_replicates = np.nan, np.full(len(replicates), np.nan)
    if estimable.any():
        mean = difference[estimable].mean()
        mean_replicates = replicates[:, estimable].mean(axis=1)
    average = percentile_interval(mean, mean_replicates, level)
    return {
        "difference": difference,
        "interval": np.stack([spread.low, spread.high], axis=-1),
        "sd": spread.sd,
        "p": p,
        "delong_error": tests[0],
        "delong_p": tests[1],
        "disagree": disagreement(p, tests[1], np.sum(~np.isnan(replicates), axis=0)),
        "unusable": redraws.unusable,
        "average_difference": float(mean),
        "average_sd": float(average.sd),
        "average_p": float(bootstrap_p(mean_replicates)),
        "average_interval": np.array([average.low, average.high]),
        "average_unusable": int(average.unusable),
    }
