"""Two predictions files of the same images, compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.statistics import Options, number, redraw_settings


def aligned(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Bring the second to the first's order of images, and both to the labels they share.

    Raises:
      InputError: other images, no common label, or another truth for the same image and label.
    """
    missing = np.setdiff1d(first.image_id, second.image_id)
    extra = np.setdiff1d(second.image_id, first.image_id)
    for absent, file in ((missing, second), (extra, first)):
        if len(absent):
            raise InputError(
                f"{len(absent)} images are not in {file.path}, the first '{absent[0]}': "
                "models can be compared on the same images only"
            )
    order = np.argsort(second.image_id)
    second = second.at(order[np.searchsorted(second.image_id, first.image_id, sorter=order)])
    names = [name for name in first.label_names if name in second.label_names]
    if not names:
        raise InputError(f"{first.path} and {second.path} have no label in common")
    first, second = _with_labels(first, names), _with_labels(second, names)
    differ = np.argwhere(first.labels != second.labels)
    if len(differ):
        image, label = differ[0]
        raise InputError(
            f"label:{names[label]} of image '{first.image_id[image]}' is "
            f"{first.labels[image, label]} in {first.path} and {second.labels[image, label]} in "
            f"{second.path} ({len(differ)} such cells): models can be compared on the same "
            "labels only"
        )
    return first, second


def _with_labels(predictions: Predictions, names: list[str]) -> Predictions:
    columns = [predictions.label_names.index(name) for name in names]
    return replace(
        predictions,
        label_names=tuple(names),
        labels=predictions.labels[:, columns],
        scores=predictions.scores[:, columns],
    )


def compared(first: Predictions, second: Predictions, options: Options) -> dict[str, Any]:
    """Compare the AUCs of the first with those of the second, label by label and on average."""
    from jaxcxr.stats import auc, compare

    left_out = sorted(set(first.label_names) ^ set(second.label_names))
    first, second = aligned(first, second)
    scores = np.stack([first.scores.astype(np.float64), second.scores.astype(np.float64)])
    found = compare(first.labels, scores, level=options.level, **redraw_settings(first, options))
    values = auc(first.labels, scores)
    labels = []
    for column, name in enumerate(first.label_names):
        labels.append(
            {
                "label": name,
                "positives": int(np.sum(first.labels[:, column] == 1)),
                "negatives": int(np.sum(first.labels[:, column] == 0)),
                "estimable": not np.isnan(found.difference[column]),
                "auc": number(values[0, column]),
                "against_auc": number(values[1, column]),
                "difference": number(found.difference[column]),
                "sd": number(found.sd[column]),
                "low": number(found.interval[column, 0]),
                "high": number(found.interval[column, 1]),
                "p": number(found.p[column]),
                "q": number(found.q[column]),
                "holm_p": number(found.holm[column]),
                "delong_p": number(found.delong_p[column]),
                "disagree": bool(found.disagree[column]),
                "unusable_redraws": int(found.unusable[column]),
            }
        )
    estimable = ~np.isnan(found.difference)
    return {
        "against": str(second.path),
        "against_origin": second.origin,
        "labels_not_in_both": left_out,
        "labels": labels,
        "average": {
            "labels": [n for n, kept in zip(first.label_names, estimable, strict=True) if kept],
            "auc": number(values[0, estimable].mean()) if estimable.any() else None,
            "against_auc": number(values[1, estimable].mean()) if estimable.any() else None,
            "difference": number(found.average_difference),
            "sd": number(found.average_sd),
            "low": number(found.average_interval[0]),
            "high": number(found.average_interval[1]),
            "p": number(found.average_p),
            "unusable_redraws": found.average_unusable,
        },
    }
