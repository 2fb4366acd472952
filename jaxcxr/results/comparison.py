"""Predictions of the same images by two models, compared: one file each, or a file a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.margins import judge_differences
from jaxcxr.results.options import Options, groups_of, redraw_settings
from jaxcxr.results.predictions import Predictions
from jaxcxr.results.summaries import number

if TYPE_CHECKING:
    from jaxcxr.stats import OverTrainings


def aligned(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Bring the second to the first's order of images, and both to the labels they share.

    Raises:
      InputError: images are not named, other images, other patients for the same images, no common
        label, or another truth for the same image and label.
    """
    for file in (first, second):
        if not file.names_images:
            raise InputError(
                f"{file.path} has no column image_id: models can be compared only where it is told "
                "which row is which image"
            )
    ours, theirs = _keys(first.image_id), _keys(second.image_id)
    for absent, images, file in (
        (np.flatnonzero(~np.isin(ours, theirs)), first.image_id, second),
        (np.flatnonzero(~np.isin(theirs, ours)), second.image_id, first),
    ):
        if len(absent):
            image = sorted(images[absent])[0]
            raise InputError(
                f"{len(absent)} images are not in {file.path}, the first '{image}': models "
                "can be compared on the same images only"
            )
    order = np.argsort(theirs)
    second = second.at(order[np.searchsorted(theirs, ours, sorter=order)])
    _refuse_other_patients(first, second)
    _refuse_labels_alike(first, second)
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


def _keys(cells: np.ndarray) -> np.ndarray:
    from input_pipeline.tables.ids import key

    return np.array([key(str(cell)) for cell in cells])


def _refuse_other_patients(first: Predictions, second: Predictions) -> None:
    if first.patients is None or second.patients is None:
        return
    other = np.flatnonzero(_keys(first.patients) != _keys(second.patients))
    if len(other):
        raise InputError(
            f"image '{first.image_id[other[0]]}' is of another patient in {second.path} than in "
            f"{first.path} ({len(other)} such images): the two files are not of the same images"
        )


def _refuse_labels_alike(first: Predictions, second: Predictions) -> None:
    """A label spelled in two ways would be passed over as one that only one file has."""
    from input_pipeline.tables.ids import key

    theirs = {key(name): name for name in second.label_names}
    for name in first.label_names:
        if (other := theirs.get(key(name), name)) != name:
            raise InputError(
                f"label {name!r} of {first.path} is {other!r} in {second.path}: name it in one way"
            )


def _with_labels(predictions: Predictions, names: list[str]) -> Predictions:
    columns = [predictions.label_names.index(name) for name in names]
    return replace(
        predictions,
        label_names=tuple(names),
        labels=predictions.labels[:, columns],
        scores=predictions.scores[:, columns],
    )


def all_aligned(read: Sequence[Predictions]) -> list[Predictions]:
    """Bring several files to the first's order of images and to the labels that all have.

    Raises:
      InputError: as `aligned`.
    """
    first = read[0]
    for other in read[1:]:
        first = aligned(first, other)[0]
    return [first, *(aligned(first, other)[1] for other in read[1:])]


def compared(
    first: Sequence[Predictions], second: Sequence[Predictions], options: Options
) -> dict[str, Any]:
    """Compare the AUCs of one model with those of another, label by label and on average.

    Args:
      first, second: the trainings of each, a file a training. With one of each their redraws are
        compared, with several the trainings count as the readers of a study.
      options: of the evaluation.

    Raises:
      InputError: as `aligned`.
    """
    read = [*first, *second]
    names: list[set[str]] = [set(one.label_names) for one in read]
    left_out = sorted(set().union(*names) - names[0].intersection(*names))
    read = all_aligned(read)
    sides = read[: len(first)], read[len(first) :]
    found = _redrawn(sides, options) if len(read) == 2 else _over_trainings(sides, options)
    judge_differences(found, read[0], options, redrawn=len(read) == 2)
    return {
        "against": ", ".join(str(one.path) for one in second),
        "against_origin": second[0].origin if len(second) == 1 else [of.origin for of in second],
        "trainings": [len(first), len(second)],
        "of_initializations": min(len(first), len(second)) > 1,
        "labels_not_in_both": left_out,
        **found,
    }


def _aucs(side: Sequence[Predictions]) -> np.ndarray:
    """Mean over the trainings of a model, `[labels]`."""
    from jaxcxr.stats import auc

    scores = np.stack([one.scores.astype(np.float64) for one in side])
    return auc(side[0].labels, scores).mean(axis=0)


def _facts(sides: Sequence[Sequence[Predictions]]) -> list[dict[str, Any]]:
    """Say of each label its counts and both AUCs."""
    truth = sides[0][0].labels
    values = [_aucs(side) for side in sides]
    return [
        {
            "label": name,
            "positives": int(np.sum(truth[:, column] == 1)),
            "negatives": int(np.sum(truth[:, column] == 0)),
            "estimable": not np.isnan(values[0][column]),
            "auc": number(values[0][column]),
            "against_auc": number(values[1][column]),
        }
        for column, name in enumerate(sides[0][0].label_names)
    ]


def _average_facts(
    facts: Sequence[dict[str, Any]], averaged: np.ndarray, options: Options
) -> dict[str, Any]:
    """Name the labels of the average, and give both AUCs; of all labels the values alone."""
    kept = [row for row, keep in zip(facts, averaged, strict=True) if keep]
    there = [row for row in facts if row["estimable"]]

    def means(rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
        of_each = {
            name: float(np.mean([row[name] for row in rows])) if rows else None
            for name in ("auc", "against_auc")
        }
        difference = None
        if rows:
            difference = float(np.mean([row["auc"] - row["against_auc"] for row in rows]))
        return {**of_each, "difference": difference}

    return {
        "least_patients": options.least_patients,
        "labels": [row["label"] for row in kept],
        "left_out": [row["label"] for row in there if row not in kept],
        **means(kept),
        "all_labels": means(there),
    }


def _redrawn(sides: Sequence[Sequence[Predictions]], options: Options) -> dict[str, Any]:
    """Compare two trained models in paired redraws."""
    from jaxcxr.stats import compare

    truth, asked = sides[0][0].labels, redraw_settings(sides[0][0], options)
    scores = np.stack([side[0].scores.astype(np.float64) for side in sides])
    found = compare(truth, scores, level=options.level, least_units=options.least_patients, **asked)
    facts = _facts(sides)
    labels = [
        row
        | {
            "difference": number(found.difference[column]),
            "sd": number(found.sd[column]),
            "low": number(found.interval[column, 0]),
            "high": number(found.interval[column, 1]),
            "p": number(found.p[column]) if found.averaged[column] else None,
            "q": number(found.q[column]),
            "holm_p": number(found.holm[column]),
            "delong_p": number(found.delong_p[column]) if found.averaged[column] else None,
            "disagree": bool(found.disagree[column] and found.averaged[column]),
            "unusable_redraws": int(found.unusable[column]),
            "fewest_units": int(found.units[column]),
            "test": "delong-t" if found.students[column] else "bootstrap",
            "in_family": bool(found.averaged[column]),
            "degrees_of_freedom": number(found.freedom[column]),
        }
        for column, row in enumerate(facts)
    ]
    average = _average_facts(facts, found.averaged, options) | {
        "sd": number(found.average_sd),
        "low": number(found.average_interval[0]),
        "high": number(found.average_interval[1]),
        "p": number(found.average_p),
        "delong_p": number(found.average_delong_p),
        "unusable_redraws": found.average_unusable,
    }
    return {"smallest_p": found.smallest_p, "labels": labels, "average": average}


def _over_trainings(sides: Sequence[Sequence[Predictions]], options: Options) -> dict[str, Any]:
    """Compare models by several trainings."""
    from jaxcxr.stats import compare_trainings

    first, second = (np.stack([one.scores.astype(np.float64) for one in side]) for side in sides)
    found = compare_trainings(
        sides[0][0].labels,
        first,
        second,
        groups=groups_of(sides[0][0], options),
        level=options.level,
        least_units=options.least_patients,
    )
    facts = _facts(sides)
    labels = [
        row
        | _judged(one)
        | {
            "p": number(one.p) if keep else None,
            "q": number(q),
            "holm_p": number(holm),
            "disagree": False,
            "unusable_redraws": 0,
            "fewest_units": int(units),
            "test": "trainings",
            "in_family": bool(keep),
        }
        for row, one, keep, q, holm, units in zip(
            facts, found.labels, found.averaged, found.q, found.holm, found.units, strict=True
        )
    ]
    average = _average_facts(facts, found.averaged, options) | _judged(found.average)
    return {"smallest_p": None, "labels": labels, "average": average | {"unusable_redraws": 0}}


def _judged(one: OverTrainings) -> dict[str, float | None]:
    return {
        "difference": number(one.value),
        "sd": number(one.error),
        "degrees_of_freedom": number(one.freedom),
        "low": number(one.low),
        "high": number(one.high),
        "p": number(one.p),
        "delong_p": None,
    }
