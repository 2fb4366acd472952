"""Features with their labels, and the choice of a head's setting on patients it did not learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from input_pipeline.splits import fraction
from jaxcxr.inference.forward import label_aucs, mean_loss, mean_of_known

FOLDS = 5

Setting = TypeVar("Setting")
Head = Callable[[np.ndarray], np.ndarray]  # features `[images, width]` -> logits `[images, labels]`


@dataclass(frozen=True)
class Examples:
    """What a head learns from or is judged by.

    Attributes:
      features: `[images, width]` float32.
      truth: `[images, labels]`: 1, 0, or -1 where unknown.
      patients: `[images]`, who the image is of, or the image itself where no patient is named.
    """

    features: np.ndarray
    truth: np.ndarray
    patients: Sequence[str]

    def at(self, rows: np.ndarray) -> Examples:
        """Return these rows alone."""
        patients = [self.patients[row] for row in rows]
        return Examples(self.features[rows], self.truth[rows], patients)


@dataclass(frozen=True)
class Choice:
    """A setting, chosen.

    Attributes:
      setting: the one of the lowest loss, the first of equals.
      losses: mean cross-entropy of every candidate, in their order.
      chosen_on: `validation`, or `training` by cross-validation.
      head: fitted to all training images with it.
    """

    setting: Any
    losses: tuple[float, ...]
    chosen_on: str
    head: Head


def choose(
    candidates: Sequence[Setting],
    fit: Callable[[Examples, Setting], Head],
    train: Examples,
    validation: Examples,
) -> Choice:
    """Fit a head under every setting and take the one that predicts other patients best.

    That is the one of the lowest cross-entropy. A mean of AUCs would be ruled by labels with one or
    two positive patients, and takes the weakest penalty, which separates the training images.

    The validation patients decide. Where they cannot, since no label has both classes among them,
    five-fold cross-validation over the training patients does.

    Args:
      candidates: settings, the most cautious first.
      fit: makes a head of examples and a setting.
      train: to learn from.
      validation: of other patients.
    """
    decides = not np.isnan(label_aucs(validation.truth, np.zeros(validation.truth.shape))).all()
    heads = [fit(train, setting) for setting in candidates] if decides else []
    if decides:
        losses = [mean_loss(validation.truth, head(validation.features)) for head in heads]
    else:
        losses = [_cross_validated(fit, setting, train) for setting in candidates]
    best = int(np.argmin([np.inf if np.isnan(loss) else loss for loss in losses]))
    head = heads[best] if decides else fit(train, candidates[best])
    where = "validation" if decides else "training"
    return Choice(candidates[best], tuple(losses), where, head)


def mean_auc(examples: Examples, logits: np.ndarray) -> float:
    """Mean AUC over the labels with both classes; NaN if there is none."""
    return mean_of_known(label_aucs(examples.truth, logits))


def _cross_validated(
    fit: Callable[[Examples, Setting], Head], setting: Setting, train: Examples
) -> float:
    """Mean over folds of the loss on the patients that the fold's head did not learn."""
    folds = np.array([int(FOLDS * fraction(str(one), "probe")) for one in train.patients])
    losses = []
    for fold in np.unique(folds):
        learnt, held = np.flatnonzero(folds != fold), train.at(np.flatnonzero(folds == fold))
        if len(learnt):
            logits = fit(train.at(learnt), setting)(held.features)
            losses.append(mean_loss(held.truth, logits))
    return mean_of_known(np.array(losses))
