"""Train on fewer patients: which ones, the same for ever and each subset within the larger ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from input_pipeline.splits import fraction
from input_pipeline.tables.ids import units


def patient_subset(records: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """Return the rows of about this share of the patients; of the images where none is named.

    A patient is in if `input_pipeline.splits.fraction(patient_id, "train_patients:SEED")` is below
    the share. So that depends on id and seed alone: with one seed 5 % of the patients are all among
    the 10 %, whatever the order of the records and whoever else is in them, and it is independent
    of the splits, which draw for other purposes.

    Args:
      records: one row an image, of the training split.
      share: above 0; 1 gives every row.
      seed: another seed draws others.
    """
    if share >= 1:
        return np.arange(len(records))
    whose = training_units(records)
    drawn = {unit: fraction(unit, f"train_patients:{seed}") < share for unit in set(whose)}
    return np.flatnonzero([drawn[unit] for unit in whose])


def training_units(records: pd.DataFrame) -> list[str]:
    """Return the patient of each image, or the image itself where no patient is named."""
    patients = records["patient_id"].fillna("").astype(str)
    return list(units(patients, records["image_id"].astype(str)))
