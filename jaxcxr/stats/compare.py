"""Differences in AUC between models on the same images: interval, p-values, q-values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from jaxcxr.stats.arrays import check_columns
from jaxcxr.stats.bootstrap import Bootstrap, bootstrap
from jaxcxr.stats.delong import DeLong
from jaxcxr.stats.delong_interval import (
    FEW_UNITS,
    DeLongInterval,
    interval_of_difference,
    units_of_classes,
)
from jaxcxr.stats.influence import Influence, averaged, influences
from jaxcxr.stats.intervals import percentile_interval
from jaxcxr.stats.multiplicity import benjamini_hochberg, holm
from jaxcxr.stats.usable import (
    LEAST_UNITS,
    check_least_units,
    first_usable,
    units_of_labels,
    wanted,
)


@dataclass(frozen=True)
class Comparison:
    """AUC of the first model minus AUC of the second, in the same redraws.

    Attributes:
      models: numbers of the two models.
      difference: `[labels]`, of the data themselves; NaN for a label without both classes.
      interval: `[labels, 2]`, percentile interval, or DeLong's with Student's t where `students`;
        NaN, as sd and p are, where a class of the label is a single image (or group).
      sd: `[labels]`, over the redraws, or the standard error of DeLong.
      p: `[labels]`, two-sided, from the paired bootstrap, or DeLong's with Student's t.
      students: `[labels]` bool, whether a class has fewer than 20 images (or groups): redraws of
        so few are too much alike, so DeLong's test with t stands in their place.
      freedom: `[labels]`, degrees of freedom of that t; infinite where the redraws stand.
      q: `[labels]`, p adjusted by Benjamini-Hochberg over the family: all averaged labels, and all
        pairs of models compared together; NaN for other labels.
      holm: `[labels]`, p adjusted by Holm over the same family.
      delong_p: `[labels]`, of DeLong's test, by groups where given; NaN if not estimable.
      delong_error: `[labels]`, the standard error of the difference in that test.
      disagree: `[labels]` bool, whether the two tests contradict each other; see `disagreement`.
      unusable: `[labels]`, redraws without both classes, left out; others were drawn for them.
      units: `[labels]`, images (or groups) of the smaller class.
      averaged: `[labels]` bool, labels with enough of these; the average is over them.
      average_difference, average_sd, average_p: of the mean AUC over the averaged labels; NaN if
        there are none.
      average_interval: `[2]`.
      average_delong_error, average_delong_p: the same test from what each group adds to the
        average (Obuchowski 1997), without redraws.
      average_unusable: redraws in which some averaged label lacks a class, left out.
      all_labels_difference: of the mean over all labels with both classes, of which no interval
        can be trusted.
      smallest_p: that the redraws can give.
    """

    models: tuple[int, int]
    difference: np.ndarray
    interval: np.ndarray
    sd: np.ndarray
    p: np.ndarray
    students: np.ndarray
    freedom: np.ndarray
    q: np.ndarray
    holm: np.ndarray
    delong_p: np.ndarray
    delong_error: np.ndarray
    disagree: np.ndarray
    unusable: np.ndarray
    units: np.ndarray
    averaged: np.ndarray
    average_difference: float
    average_sd: float
    average_p: float
    average_interval: np.ndarray
    average_delong_error: float
    average_delong_p: float
    average_unusable: int
    all_labels_difference: float
    smallest_p: float


def compare(
    labels: Any,
    scores: Any,
    *,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
    level: float = 0.95,
    least_units: int = LEAST_UNITS,
) -> Comparison:
    """Compare two models; arguments as in `bootstrap`, `scores` `[2, images, labels]`.

    Redraws go on until `resamples` have both classes of each label, and of all averaged labels
    together.

    Args:
      labels, scores, resamples, seed, groups: as in `bootstrap`.
      level: of the intervals.
      least_units: images (or groups) in the smaller class of a label that the average counts.

    Raises:
      ValueError: as `bootstrap`, not exactly two models, or too small a `least_units`.
    """
    if np.ndim(scores) - np.ndim(labels) != 1 or np.shape(scores)[0] != 2:
        raise ValueError(f"scores {np.shape(scores)} must be of two models: [2, images, labels]")
    return compare_all(
        labels,
        scores,
        resamples=resamples,
        seed=seed,
        groups=groups,
        level=level,
        least_units=least_units,
    )[0]


def compare_all(
    labels: Any,
    scores: Any,
    *,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
    level: float = 0.95,
    least_units: int = LEAST_UNITS,
) -> tuple[Comparison, ...]:
    """Compare every two of several models, `scores` `[models, images, labels]`, as one family."""
    check_least_units(least_units)
    columns = check_columns(labels, scores)
    units = units_of_labels(columns.labels, groups)
    kept = units >= least_units
    redraws = bootstrap(
        columns.labels,
        columns.scores,
        resamples=resamples,
        seed=seed,
        groups=groups,
        until_usable=wanted(units, kept),
    )
    added = influences(columns.labels, columns.scores, groups)
    pairs = list(combinations(range(len(columns.scores)), 2))
    classes = [units_of_classes(column, groups) for column in columns.labels.T]
    found = [_compare_pair(redraws, added, pair, classes, kept, resamples, level) for pair in pairs]
    p = np.where(kept, np.stack([pair["p"] for pair in found]), np.nan)
    return tuple(
        Comparison(models=pair, q=q, holm=adjusted, units=units, averaged=kept, **values)
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
    redraws: Bootstrap,
    added: list[Influence | None],
    pair: tuple[int, int],
    classes: list[tuple[int, int]],
    kept: np.ndarray,
    resamples: int,
    level: float,
) -> dict[str, Any]:
    first, second = pair
    units = np.array([min(of_label) for of_label in classes])
    difference = redraws.estimates.auc[first] - redraws.estimates.auc[second]
    replicates = redraws.auc[first] - redraws.auc[second]
    tests = np.array([_closed(one, pair) for one in added])
    by_label = [
        # A class of a single unit gives a value, and no spread to judge it by.
        _judged(difference[label], replicates[:, label], resamples, level, known=units[label] > 1)
        for label in range(len(units))
    ]
    spread = {name: np.array([one[name] for one in by_label]) for name in by_label[0]}
    redrawn_p, students = spread["p"].copy(), (units > 1) & (units < FEW_UNITS)
    spread["freedom"] = np.full(len(units), np.inf)
    for label in np.flatnonzero(students):
        by_delong = _students(added[label], pair, classes[label], level)
        spread["interval"][label] = by_delong.low, by_delong.high
        spread["sd"][label], spread["p"][label] = by_delong.error, by_delong.p
        spread["freedom"][label] = by_delong.freedom
    estimable = units > 0
    average = _judged(
        _mean(difference[kept]),
        _means(replicates[:, kept]),
        resamples,
        level,
        known=bool(kept.any()),
    )
    of_kept = [one for one, keep in zip(added, kept, strict=True) if keep and one is not None]
    average_error, average_p = _closed(averaged(of_kept) if of_kept else None, pair)
    return {
        "difference": difference,
        **spread,
        "delong_error": tests[:, 0],
        "delong_p": tests[:, 1],
        "disagree": disagreement(redrawn_p, tests[:, 1], np.full(len(units), resamples)),
        "students": students,
        "average_difference": _mean(difference[kept]),
        **{f"average_{name}": values for name, values in average.items()},
        "average_delong_error": average_error,
        "average_delong_p": average_p,
        "all_labels_difference": _mean(difference[estimable]),
        "smallest_p": 2 / (resamples + 1),
    }


def _judged(
    value: float, replicates: np.ndarray, resamples: int, level: float, *, known: bool
) -> dict[str, Any]:
    """Judge one difference by the first usable of its redraws, `[drawn]`."""
    usable = first_usable(replicates, resamples)
    values = usable.values if known else np.full(1, np.nan)
    spread = percentile_interval(value, values, level)
    return {
        "interval": np.array([spread.low, spread.high]),
        "sd": float(spread.sd),
        "p": float(bootstrap_p(values)),
        "unusable": usable.drawn - len(usable.values),
    }


def _closed(added: Influence | None, pair: tuple[int, int]) -> tuple[float, float]:
    """Give standard error and p of a difference without redraws."""
    if added is None:
        return np.nan, np.nan
    return DeLong(added.auc, added.covariance).difference(*pair)[1:]


def _students(
    added: Influence | None, pair: tuple[int, int], classes: tuple[int, int], level: float
) -> DeLongInterval:
    """Judge one difference by DeLong's test with Student's t."""
    assert added is not None  # a label with both classes
    chosen = added.of_models(list(pair))
    return interval_of_difference(chosen, classes, level)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan


def _means(rows: np.ndarray) -> np.ndarray:
    return rows.mean(axis=1) if rows.shape[1] else np.full(len(rows), np.nan)
