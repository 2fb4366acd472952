"""The ROC curves of Figure 4 as numbers, for a reader to walk along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.statistics_files import turns
from jaxcxr.results.summaries import number
from jaxcxr.stats import Curve, curve, operating_point
from jaxcxr.study.analyses.paired import Measured

POINTS = 300  # of one curve; more than a screen tells apart


def curve_sets(comparisons: Sequence[Measured]) -> list[tuple[Measured, dict[str, Any]]]:
    """Describe each comparison's curves, of the first seed, as plain data for JSON, beside it.

    A point is given by the numbers of true and false positives, so that its rates are exact.
    """
    return [(one, _curve_set(one)) for one in comparisons if one.estimable.any()]


def _curve_set(one: Measured) -> dict[str, Any]:
    return {
        "label_set": one.paired.question,
        "dataset": PAPER_DATASETS[one.paired.dataset],
        "titles": list(one.paired.titles),
        "runs": [seeds[0] for seeds in one.paired.runs],
        "labels": [_label(one, int(label)) for label in np.flatnonzero(one.estimable)],
    }


def _label(measured: Measured, label: int) -> dict[str, Any]:
    paired = measured.paired
    models = []
    for which in range(len(paired.titles)):
        truth, scores = paired.labels[:, label], paired.scores[which, 0, :, label]
        points = curve(truth, scores)
        chosen = operating_point(truth, scores).threshold
        best = int(np.flatnonzero(points.threshold == chosen)[0])
        kept = thinned(points, best)
        interval, sd = measured.column("auc", which, label)
        models.append(
            {
                "true": points.true_positives[kept].tolist(),
                "false": points.false_positives[kept].tolist(),
                "threshold": [number(value) for value in points.threshold[kept]],
                "operating": int(np.flatnonzero(kept == best)[0]),
                "auc": {
                    "value": number(interval.value),
                    "mean": number(interval.mean),
                    "sd": number(sd),
                    "low": number(interval.low),
                    "high": number(interval.high),
                },
            }
        )
    return {
        "name": paired.label_names[label],
        "positives": int(measured.positives[label]),
        "negatives": int(measured.negatives[label]),
        "models": models,
    }


def thinned(points: Curve, keep: int) -> np.ndarray:
    """Choose at most `POINTS` of the points where the curve turns, evenly along it, and `keep`."""
    kept = turns(points)
    if len(kept) > POINTS:
        along = (points.sensitivity - points.specificity)[kept]  # rises by each step's length
        wanted = np.linspace(along[0], along[-1], POINTS)
        kept = kept[np.unique(np.searchsorted(along, wanted).clip(0, len(kept) - 1))]
    return np.union1d(kept, [keep])
