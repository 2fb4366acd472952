"""Micro averages: all labels of all images thrown together, with what they do not say."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcxr.results.options import Options, groups_of
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.summaries import interval_of, number

WARNING = (
    "Micro averages pool the cells of all labels: frequent labels rule them, and a model looks "
    "good by telling frequent labels from rare ones, without looking at an image. Compare models "
    "label by label, or by the average over labels."
)


def micro_averages(
    predictions: Predictions, rows: list[dict[str, Any]], options: Options
) -> dict[str, Any] | None:
    """Pool the known cells of the labels with both classes; None if there is none.

    Args:
      predictions: of the reported split.
      rows: of its labels, with their thresholds of the validation split where there is one.
      options: of the evaluation.
    """
    from jaxcxr.stats import auc_interval, average_precision, two_by_two

    kept = np.array([row["estimable"] for row in rows])
    if not kept.any():
        return None
    truth, scores = (of[:, kept] for of in (predictions.labels, predictions.scores))
    groups = groups_of(predictions, options)
    # Cells of one image are not independent.
    units = np.arange(len(truth)) if groups is None else groups
    known = truth >= 0
    cells = truth[known], scores[known].astype(np.float64)
    owner = np.broadcast_to(units[:, None], truth.shape)[known]
    found = auc_interval(*cells, owner, options.level)
    micro: dict[str, Any] = {
        "labels": [row["label"] for row in rows if row["estimable"]],
        "cells": int(known.sum()),
        "positives": int(np.sum(truth == 1)),
        "auc": interval_of(found),
        "average_precision": {"value": number(average_precision(*cells))},
        "at_validation_threshold": None,
        "warning": WARNING,
    }
    points = [(row.get("operating_points") or {}) for row in rows if row["estimable"]]
    chosen = [point["youden"] for point in points if point.get("youden")]
    if len(chosen) == len(points):
        # Where no threshold has a J above 0, none is called positive.
        at = [np.inf if point["threshold"] is None else point["threshold"] for point in chosen]
        called = (scores >= np.array(at))[known].astype(float)
        table = two_by_two(cells[0], called, 0.5, owner, options.level)
        names = ("sensitivity", "specificity", "accuracy", "balanced_accuracy", "ppv", "npv")
        at_point = {name: interval_of(getattr(table, name)) for name in names}
        micro["at_validation_threshold"] = at_point
    return micro
