"""AUC and the metrics at Youden's point for every redraw, label and model.

The redraws are shared by all labels and models, so differences between models are paired, and the
average over labels has a distribution of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxcxr.stats.arrays import Columns, check_columns
from jaxcxr.stats.cores import thread_pool
from jaxcxr.stats.ranking import Ranking, rank
from jaxcxr.stats.resample import leave_one_out_blocks, resample_blocks
from jaxcxr.stats.tally import Tally, tally

if TYPE_CHECKING:
    import jax

# Redraws drawn for one that is wanted, at most.
MOST_DRAWN = 50


@dataclass(frozen=True)
class Estimates:
    """Metrics of one data set, each `[labels]`, or `[models, labels]` if several were given.

    Accuracy, sensitivity and specificity are those at `threshold`, where an image is called
    positive if its score is at least the threshold, and which maximises Youden's J = sensitivity +
    specificity - 1: the highest such score, or infinity if no score has J above 0. A label
    without both classes has NaN.

    `sensitivity_at_specificity` is the largest sensitivity among thresholds with a specificity of
    at least the fixed rate; `specificity_at_sensitivity` the reverse.
    """

    auc: np.ndarray
    average_precision: np.ndarray | None
    accuracy: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    threshold: np.ndarray
    sensitivity_at_specificity: np.ndarray
    specificity_at_sensitivity: np.ndarray

    @property
    def balanced_accuracy(self) -> np.ndarray:
        """Half the sum of sensitivity and specificity."""
        return (self.sensitivity + self.specificity) / 2


@dataclass(frozen=True)
class Bootstrap(Estimates):
    """Metrics of every redraw, each `[resamples, labels]` or `[models, resamples, labels]`.

    More than `resamples` where these were drawn `until_usable`.

    Attributes:
      estimates: the same metrics of the data themselves.
      positives, negatives: images of each class in the data, `[labels]`.
      unusable: redraws without both classes, `[labels]`; their metrics are NaN.
    """

    estimates: Estimates
    positives: np.ndarray
    negatives: np.ndarray
    unusable: np.ndarray


def bootstrap(
    labels: Any,
    scores: Any,
    *,
    resamples: int = 1000,
    seed: int = 0,
    groups: Any = None,
    average_precision: bool = False,
    fixed_rate: float = 0.9,
    block: int | None = None,
    until_usable: Any = None,
    device: jax.Device | None = None,
) -> Bootstrap:
    """Redraw the images, or the groups, and compute every metric again in each redraw.

    Args:
      labels: `[images, labels]`; 1, 0, or -1 for unknown, which leaves the image out of that label.
      scores: `[images, labels]` or `[models, images, labels]`; all models see the same redraws.
      resamples: number of redraws, exactly those of `resample_counts`.
      seed: of the redraws.
      groups: `[images]`; redraw groups (patients) with all their images in place of images.
      average_precision: compute that as well.
      fixed_rate: the fixed specificity and the fixed sensitivity, above 0 and at most 1.
      block: redraws computed at a time; None fits them to a bounded memory. The numbers do not
        depend on it.
      until_usable: `[sets, labels]` bool; go on drawing until, for each set, `resamples` redraws
        have both classes of all its labels. The redraws are the first so many of
        `resample_counts`, and all that were drawn are returned.
      device: an accelerator of JAX to compute on; None takes the cores of the host, and no
        accelerator is touched. The numbers are the same, but for the last bits of AP.

    Raises:
      ValueError: as `check_columns`, fewer than one redraw, a rate out of range, or a set whose
        labels hardly ever have both classes in one redraw.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    columns = check_columns(labels, scores)
    images = columns.labels.shape[0]
    blocks = resample_blocks(seed, resamples, images, groups, block)
    metrics = _metrics_of_counts(
        columns, _with_every_image_once(blocks), average_precision, fixed_rate, device
    )
    sets = np.zeros((0, columns.labels.shape[1]), bool) if until_usable is None else until_usable
    while missing := _redraws_missing(metrics["auc"][0, 1:], np.asarray(sets, bool), resamples):
        drawn = metrics["auc"].shape[1] - 1
        blocks = resample_blocks(seed, drawn + missing, images, groups, block, start=drawn)
        more = _metrics_of_counts(columns, blocks, average_precision, fixed_rate, device)
        metrics = {name: np.concatenate([metrics[name], more[name]], axis=1) for name in more}
    once = {name: values[:, 0] for name, values in metrics.items()}
    redraws = {name: values[:, 1:] for name, values in metrics.items()}
    return Bootstrap(
        **_shaped(columns, redraws),
        estimates=Estimates(**_shaped(columns, once)),
        positives=columns.positives,
        negatives=columns.negatives,
        unusable=np.isnan(redraws["auc"][0]).sum(axis=0),
    )


def _redraws_missing(auc: np.ndarray, sets: np.ndarray, resamples: int) -> int:
    """How many more to draw at least, given `auc` `[drawn, labels]` of those drawn so far."""
    there = ~np.isnan(auc)
    usable = np.array([there[:, labels].all(axis=1).sum() for labels in sets], int)
    short = usable < resamples
    if not short.any():
        return 0
    if len(auc) >= resamples * MOST_DRAWN:
        raise ValueError(
            f"only {usable.min():,} of {len(auc):,} redraws have both classes of the labels that "
            f"are needed together, and {resamples:,} are asked for: ask for fewer labels, or for "
            "labels with more patients in their smaller class"
        )
    # As many as the share so far lets expect, and a little more; never beyond what is allowed.
    expected = np.max((resamples - usable[short]) * len(auc) / np.maximum(usable[short], 1))
    return min(int(1.05 * expected) + 8, resamples * MOST_DRAWN - len(auc))


def estimate(
    labels: Any, scores: Any, *, average_precision: bool = False, fixed_rate: float = 0.9
) -> Estimates:
    """Compute the metrics of the data themselves, with arguments as in `bootstrap`."""
    columns = check_columns(labels, scores)
    every_image_once = np.ones((columns.labels.shape[0], 1), np.uint8)
    metrics = _metrics_of_counts(columns, [every_image_once], average_precision, fixed_rate)
    return Estimates(**_shaped(columns, {name: values[:, 0] for name, values in metrics.items()}))


def jackknife(
    labels: Any,
    scores: Any,
    *,
    groups: Any = None,
    average_precision: bool = False,
    fixed_rate: float = 0.9,
) -> Estimates:
    """Leave out each image, or each group, in turn: `[(models,) units, labels]`.

    The cost grows with the square of the number of images: a second at 5,000 images and 10
    labels, some 20 seconds at 22,000.
    """
    columns = check_columns(labels, scores)
    blocks = leave_one_out_blocks(columns.labels.shape[0], groups)
    metrics = _metrics_of_counts(columns, blocks, average_precision, fixed_rate)
    return Estimates(**_shaped(columns, metrics))


def _with_every_image_once(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Put a column of ones, the data themselves, before the redraws: one pass does both."""
    first = next(blocks)
    yield np.concatenate([np.ones((first.shape[0], 1), np.uint8), first], axis=1)
    yield from blocks


def _metrics_of_counts(
    columns: Columns,
    blocks: Iterable[np.ndarray],
    average_precision: bool,
    fixed_rate: float,
    device: jax.Device | None = None,
) -> dict[str, np.ndarray]:
    """Run over blocks of counts `[images, redraws]`; each metric `[models, redraws, labels]`."""
    models, _, labels = columns.scores.shape
    with thread_pool() as pool:
        rankings = list(
            pool.map(
                lambda at: rank(columns.labels[:, at[1]], columns.scores[at[0], :, at[1]]),
                np.ndindex(models, labels),
            )
        )
    asked: dict[str, Any] = {
        "average_precision": average_precision,
        "fixed_rate": fixed_rate,
        "device": device,
    }
    parts = [_metrics_of_tally(rankings, tally(rankings, counts, **asked)) for counts in blocks]
    if not average_precision:
        for part in parts:
            del part["average_precision"]
    return {
        name: np.concatenate([part[name] for part in parts], axis=1)
        .reshape(models, labels, -1)
        .swapaxes(1, 2)
        for name in parts[0]
    }


def _metrics_of_tally(rankings: Sequence[Ranking], counted: Tally) -> dict[str, np.ndarray]:
    """Turn whole numbers `[rankings, redraws]` into metrics of the same shape."""
    usable = (counted.positives > 0) & (counted.negatives > 0)
    positives = np.where(usable, counted.positives, 1)
    negatives = np.where(usable, counted.negatives, 1)
    true_negatives = negatives - counted.false_positives
    thresholds = [
        # Step -1, above every score, is the last of these.
        np.append(ranking.scores, np.inf)[steps]
        for ranking, steps in zip(rankings, counted.step, strict=True)
    ]
    metrics = {
        "auc": counted.wins / (2 * positives * negatives),
        "accuracy": (counted.true_positives + true_negatives) / (positives + negatives),
        "sensitivity": counted.true_positives / positives,
        "specificity": true_negatives / negatives,
        "threshold": np.stack(thresholds).astype(np.float64),
        "sensitivity_at_specificity": counted.most_true_positives / positives,
        "specificity_at_sensitivity": (negatives - counted.least_false_positives) / negatives,
        "average_precision": counted.precision / positives,
    }
    return {name: np.where(usable, values, np.nan) for name, values in metrics.items()}


def _shaped(columns: Columns, metrics: dict[str, np.ndarray]) -> dict[str, Any]:
    """Drop the axis of models where none was given; average precision is None if not computed."""
    shaped = {name: v if columns.several_models else v[0] for name, v in metrics.items()}
    return {"average_precision": None} | shaped
