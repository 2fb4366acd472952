"""Subgroups by sex, age band and view, for `statistics.json`."""

from __future__ import annotations

import itertools
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


def subgroup_rows(
    predictions: Predictions, thresholds: np.ndarray, options: Options
) -> list[dict[str, Any]]:
    """Describe each label within each subgroup, and the gap to all other images.

    Args:
      predictions: of the one split.
      thresholds: `[labels]`, common to all subgroups.
      options: of the evaluation.
    """
    from jaxcxr.stats import fewest_units, subgroups

    rows = []
    for attribute, (names, stratum) in strata_of(predictions, options).items():
        found = subgroups(
            predictions.labels,
            predictions.scores,
            stratum,
            np.where(np.isnan(thresholds), np.inf, thresholds),
            count=len(names),
            **redraw_settings(predictions, options),
        )
        groups = groups_of(predictions, options)
        for number, name in enumerate(names):
            for column, label in enumerate(predictions.label_names):
                inside = np.where(stratum == number, predictions.labels[:, column], -1)
                others = np.where(
                    (stratum != number) & (stratum >= 0), predictions.labels[:, column], -1
                )
                fewest = fewest_units(inside, groups)
                fewest_both = min(fewest, fewest_units(others, groups))
                positives = int(found.positives[number, column])
                negatives = int(found.negatives[number, column])
                at = np.s_[:, number, column]
                rows.append(
                    {
                        "attribute": attribute,
                        "subgroup": name,
                        "label": label,
                        "images": int(np.sum(stratum == number)),
                        "positives": positives,
                        "negatives": negatives,
                        "estimable": fewest > 0,
                        "fewest_units": fewest,
                        "unusable_redraws": int(np.isnan(found.metrics["auc"][1:][at]).sum()),
                        "metrics": in_closed_form(
                            _summaries(found.metrics, at, options, fewest),
                            inside,
                            predictions.scores[:, column],
                            predictions,
                            options,
                        ),
                        "gap": _summaries(found.gaps, at, options, fewest_both),
                    }
                )
    return rows


def _summaries(
    values: dict[str, np.ndarray], at: Any, options: Options, fewest: int
) -> dict[str, Any] | None:
    if fewest == 0:
        return None
    summaries = without_precision_mean(
        {name: summary_of_column(values[name][at], options) for name in AVERAGED}
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
