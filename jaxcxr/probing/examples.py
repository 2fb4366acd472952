"""Features with their labels, and the choice of a head's setting on patients it did not learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from input_pipeline.splits import fraction
from jaxcxr.inference.forward import label_aucs, mean_of_known

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
      setting: the one of the highest mean AUC, the first of equals.
      aucs: mean AUC of every candidate, in their order.
      chosen_on: `validation`, or `training` by cross-validation.
      head: fitted to all training images with it.
    """

    setting: Any
    aucs: tuple[float, ...]
    chosen_on: str
    head: Head


def choose(
    candidates: Sequence[Setting],
    fit: Callable[[Examples, Setting], Head],
    train: Examples,
    validation: Examples,
) -> Choice:
    """Fit a head under every setting and take the one that ranks other patients' images best.

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
        aucs = [mean_auc(validation, head(validation.features)) for head in heads]
    else:
        aucs = [_cross_validated(fit, setting, train) for setting in candidates]
    known = [-np.inf if np.isnan(auc) else auc for auc in aucs]
    best = int(np.argmax(known))
    head = heads[best] if decides else fit(train, candidates[best])
    where = "validation" if decides else "training"
    return Choice(candidates[best], tuple(aucs), where, head)


def mean_auc(examples: Examples, logits: np.ndarray) -> float:
    """Mean AUC over the labels with both classes; NaN if there is none."""
    return mean_of_known(label_aucs(examples.truth, logits))


def _cross_validated(
    fit: Callable[[Examples, Setting], Head], setting: Setting, train: Examples
) -> float:
    """Mean over folds of the mean AUC on the patients that the fold's head did not learn.

    Each fold is ranked by itself: heads of different folds have different biases.
    """
    folds = np.array([int(FOLDS * fraction(str(one), "probe")) for one in train.patients])
    aucs = []
    for fold in np.unique(folds):
        learnt, held = np.flatnonzero(folds != fold), train.at(np.flatnonzero(folds == fold))
        if len(learnt):
            aucs.append(mean_auc(held, fit(train.at(learnt), setting)(held.features)))
    return mean_of_known(np.array(aucs))
