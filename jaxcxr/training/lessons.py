"""What a training learns from, and in how many steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from ml_collections import ConfigDict

from input_pipeline.loader import Prepared
from jaxcxr.errors import InputError
from jaxcxr.run.inputs import training_rows
from jaxcxr.run.learnt_labels import labels_to_learn
from jaxcxr.training.loss import positive_weights


@dataclass(frozen=True)
class Lessons:
    """What is learnt from, and in how many steps.

    Attributes:
      records: of the training split.
      rows: `[images]`, those of them to learn from.
      truth: `[training images, labels]` of 1, 0 and -1, what is learnt of them: the labels of the
        records, or those with noise.
      pos_weight: `[labels]`, see `positive_weights`; of what is learnt.
      steps_per_epoch, total_steps: of the config's batch size and epochs.
    """

    records: pd.DataFrame
    rows: np.ndarray
    truth: np.ndarray
    pos_weight: np.ndarray
    steps_per_epoch: int
    total_steps: int


def find_lessons(config: ConfigDict, prepared: Prepared, labels: tuple[str, ...]) -> Lessons:
    """Choose the images, settle their labels and count the steps.

    Raises:
      InputError: there are too few images for a batch.
    """
    records = prepared.records("train")
    rows = training_rows(config, prepared)
    steps = len(rows) // config.batch_size
    if not steps:
        raise InputError(
            f"{config.data}: {len(rows)} training images are fewer than one batch of "
            f"{config.batch_size}; lower config.batch_size"
            + (" or raise config.train_patients" if config.train_patients < 1 else "")
        )
    truth = labels_to_learn(config, prepared, labels)
    pos_weight = positive_weights(truth[rows], config.pos_weight)
    return Lessons(records, rows, truth, pos_weight, steps, steps * config.epochs)
