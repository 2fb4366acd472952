"""Which epoch's parameters a run keeps, and when it stops.

The study looked at the test split to choose; here the validation split decides, or nothing does.
"""

from __future__ import annotations

import math
from typing import Any

from ml_collections import ConfigDict

from input_pipeline.loader import Prepared
from jaxcxr.errors import InputError


class Selection:
    """The choice so far.

    Args:
      config: `selection` is `validation_auc` (the epoch of the highest mean AUC over the labels
        that have both classes in the validation split, stopping after `patience` epochs without a
        better one) or `last`.
      prepared: the dataset.
      labels: names that the model learns.

    Raises:
      InputError: the validation split cannot decide, since no label has both classes in it.
    """

    def __init__(self, config: ConfigDict, prepared: Prepared, labels: tuple[str, ...]):
        self._by_auc = config.selection == "validation_auc"
        self._patience, self._epochs = config.patience, config.epochs
        self._epoch, self._best_epoch, self._best_auc = 0, 0, -math.inf
        validation = prepared.records("validation")[list(labels)]
        decides = any({0, 1} <= set(validation[name]) for name in labels)
        if self._by_auc and not decides:
            raise InputError(
                f"{config.data}: no label has both positives and negatives among the "
                f"{len(validation)} validation images, so they cannot choose an epoch; set "
                "--config.selection=last, or prepare with a larger validation share"
            )

    @property
    def finished(self) -> bool:
        """Whether patience has run out."""
        return self._by_auc and self._epoch - self._best_epoch >= self._patience

    def choose(self, epoch: int, auc: float) -> bool:
        """Take note of an epoch; True if its parameters are the ones to keep."""
        self._epoch = epoch
        better = not self._by_auc or auc > self._best_auc
        if better:
            self._best_epoch, self._best_auc = epoch, auc
        return better

    def verdict(self) -> str:
        """Say what was chosen, and why."""
        reason = (
            f"of the highest validation AUC, {self._best_auc:.4f}" if self._by_auc else "the last"
        )
        return f"kept the parameters of epoch {self._best_epoch} of {self._epoch}, {reason}"

    def chosen(self) -> dict[str, Any]:
        """Epoch and validation AUC of the parameters that are kept; empty before there are any."""
        known = math.isfinite(self._best_auc)
        if not (self._epoch or known):
            return {}
        auc = {"validation_auc": self._best_auc} if known else {}
        return {"epoch": self._best_epoch} | auc

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for `restore`."""
        auc = self._best_auc if math.isfinite(self._best_auc) else None
        return {"epoch": self._epoch, "best_epoch": self._best_epoch, "best_auc": auc}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `to_dict` returned."""
        self._epoch, self._best_epoch = saved["epoch"], saved["best_epoch"]
        self._best_auc = -math.inf if saved["best_auc"] is None else saved["best_auc"]
