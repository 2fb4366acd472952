"""Subgroups by sex, age band and view: what each measures, and their part of `statistics.json`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxcxr.results.options import Options, groups_of, redraw_settings
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.statistics import AVERAGED
from jaxcxr.results.summaries import (
    in_closed_form,
    summary_of_column,
    without_precision_mean,
    without_spread,
)


@dataclass(frozen=True)
class Stratum:
    """A subgroup of the images, measured.

    Attributes:
      attribute, name: such as `sex` and `F`.
      images: how many it has.
      labels: of its images; -1, unknown, of all others; `[images, labels]`.
      positives, negatives: its images of each label, `[labels]`.
      metrics, gaps: each metric of the point and of every redraw of all patients, and that less the
        same of all other images whose subgroup is known; `[1 + resamples, labels]`.
      fewest, fewest_others: units of each label's smaller class here, and among these others;
        `[labels]`.
    """

    attribute: str
    name: str
    images: int
    labels: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    metrics: dict[str, np.ndarray]
    gaps: dict[str, np.ndarray]
    fewest: np.ndarray
    fewest_others: np.ndarray


def measure_strata(
    predictions: Predictions, options: Options, thresholds: np.ndarray | None = None
) -> Iterator[Stratum]:
    """Measure each subgroup of each attribute.

    Args:
      predictions: of the one split.
      options: of the evaluation.
      thresholds: `[labels]`, common to all subgroups; nothing needs them but rates.
    """
    from jaxcxr.stats import fewest_units, subgroups

    if thresholds is None:
        thresholds = np.full(len(predictions.label_names), np.nan)
    groups = groups_of(predictions, options)

    def fewest(labels: np.ndarray) -> np.ndarray:
        return np.array([fewest_units(column, groups) for column in labels.T])

    for attribute, (names, stratum) in strata_of(predictions, options).items():
        found = subgroups(
            predictions.labels,
            predictions.scores,
            stratum,
            np.where(np.isnan(thresholds), np.inf, thresholds),
            count=len(names),
            **redraw_settings(predictions, options),
        )
        for number, name in enumerate(names):
            member = (stratum == number)[:, None]
            others = ((stratum != number) & (stratum >= 0))[:, None]
            inside = np.where(member, predictions.labels, -1)
            yield Stratum(
                attribute=attribute,
                name=name,
                images=int(member.sum()),
                labels=inside,
                positives=found.positives[number],
                negatives=found.negatives[number],
                metrics={metric: values[:, number] for metric, values in found.metrics.items()},
                gaps={metric: values[:, number] for metric, values in found.gaps.items()},
                fewest=fewest(inside),
                fewest_others=fewest(np.where(others, predictions.labels, -1)),
            )


def subgroup_rows(
    predictions: Predictions, thresholds: np.ndarray, options: Options
) -> list[dict[str, Any]]:
    """Describe each label within each subgroup, and the gap to all other images.

    Args:
      predictions: of the one split.
      thresholds: `[labels]`, common to all subgroups.
      options: of the evaluation.
    """
    rows = []
    for one in measure_strata(predictions, options, thresholds):
        for column, label in enumerate(predictions.label_names):
            fewest = int(one.fewest[column])
            fewest_both = min(fewest, int(one.fewest_others[column]))
            rows.append(
                {
                    "attribute": one.attribute,
                    "subgroup": one.name,
                    "label": label,
                    "images": one.images,
                    "positives": int(one.positives[column]),
                    "negatives": int(one.negatives[column]),
                    "estimable": fewest > 0,
                    "fewest_units": fewest,
                    "unusable_redraws": int(np.isnan(one.metrics["auc"][1:, column]).sum()),
                    "metrics": in_closed_form(
                        _summaries(one.metrics, column, options, fewest),
                        one.labels[:, column],
                        predictions.scores[:, column],
                        predictions,
                        options,
                    ),
                    "gap": _summaries(one.gaps, column, options, fewest_both),
                }
            )
    return rows


def _summaries(
    values: dict[str, np.ndarray], column: int, options: Options, fewest: int
) -> dict[str, Any] | None:
    if fewest == 0:
        return None
    summaries = without_precision_mean(
        {name: summary_of_column(values[name][:, column], options) for name in AVERAGED}
    )
    return summaries if fewest > 1 else without_spread(summaries)


def strata_of(
    predictions: Predictions, options: Options
) -> dict[str, tuple[list[str], np.ndarray]]:
    """Number the subgroups of each attribute that has at least two: names, and `[images]`."""
    age = np.where(np.isnan(predictions.age), -1, predictions.age)
    bands = np.where(age < 0, -1, np.digitize(age, options.age_bands))
    found = {
        "sex": _numbered(predictions.sex),
        "age": _renumbered(_band_names(options.age_bands), bands),
        "view": _numbered(predictions.view),
    }
    return {attribute: strata for attribute, strata in found.items() if len(strata[0]) > 1}


def _numbered(values: np.ndarray) -> tuple[list[str], np.ndarray]:
    names, stratum = np.unique(values, return_inverse=True)
    return _renumbered([str(name) for name in names], np.where(values == "", -1, stratum))


def _renumbered(names: list[str], stratum: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Keep only the subgroups that have images."""
    present = [number for number in range(len(names)) if (stratum == number).any()]
    new = np.full(len(names) + 1, -1)
    new[present] = np.arange(len(present))
    return [names[number] for number in present], new[stratum]


def _band_names(ends: tuple[int, ...]) -> list[str]:
    if not ends:
        return ["all ages"]
    between = [f"{low}-{high - 1}" for low, high in itertools.pairwise(ends)]
    return [f"under {ends[0]}", *between, f"{ends[-1]} and over"]
