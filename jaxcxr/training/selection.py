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
        that have both classes in the validation split), `validation_loss` (of the lowest loss) or
        `last`. The first two stop after `patience` epochs without a better one.
      prepared: the dataset.
      labels: names that the model learns.

    Raises:
      InputError: the validation split cannot decide, since no label has both classes in it.
    """

    def __init__(self, config: ConfigDict, prepared: Prepared, labels: tuple[str, ...]):
        self._by = "" if config.selection == "last" else config.selection
        self._patience = config.patience
        # Of the epoch that is kept: its AUC, or its loss with the sign changed.
        self._epoch, self._best_epoch, self._best = 0, 0, -math.inf
        self._measured: dict[str, float] | None = None
        validation = prepared.records("validation")[list(labels)]
        decides = any({0, 1} <= set(validation[name]) for name in labels)
        if self._by and not decides:
            raise InputError(
                f"{config.data}: no label has both positives and negatives among the "
                f"{len(validation)} validation images, so they cannot choose an epoch; set "
                "--config.selection=last, or prepare with a larger validation share"
            )

    @property
    def finished(self) -> bool:
        """Whether patience has run out."""
        return bool(self._by) and self._epoch - self._best_epoch >= self._patience

    def choose(self, epoch: int, auc: float, loss: float) -> bool:
        """Take note of an epoch; True if its parameters are the ones to keep.

        Args:
          epoch: its number; 0 is the start.
          auc: mean AUC on the validation split, NaN if there is none.
          loss: mean loss there.
        """
        self._epoch = epoch
        score = -loss if self._by == "validation_loss" else auc
        better = not self._by or score > self._best
        if better:
            self._best_epoch, self._best = epoch, score
            measured = {"validation_auc": auc, "validation_loss": loss}
            self._measured = {k: v for k, v in measured.items() if not math.isnan(v)}
        return better

    def verdict(self) -> str:
        """Say what was chosen, and why."""
        reason = {
            "": "the last",
            "validation_auc": f"of the highest validation AUC, {self._best:.4f}",
            "validation_loss": f"of the lowest validation loss, {-self._best:.4f}",
        }[self._by]
        return f"kept the parameters of epoch {self._best_epoch} of {self._epoch}, {reason}"

    def chosen(self) -> dict[str, Any]:
        """What was measured at the epoch that is kept; empty before there is one."""
        if self._measured is None:
            return {}
        return {"epoch": self._best_epoch} | self._measured

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for `restore`."""
        best = self._best if math.isfinite(self._best) else None
        return {
            "epoch": self._epoch,
            "best_epoch": self._best_epoch,
            "best_auc": best,
            "measured": self._measured,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `to_dict` returned."""
        self._epoch, self._best_epoch = saved["epoch"], saved["best_epoch"]
        self._best = -math.inf if saved["best_auc"] is None else saved["best_auc"]
        self._measured = saved.get("measured")
        if self._measured is None and (self._epoch or self._best > -math.inf):
            # A checkpoint of before it was kept says it of the AUC alone.
            self._measured = {"validation_auc": self._best} if self._best > -math.inf else {}
