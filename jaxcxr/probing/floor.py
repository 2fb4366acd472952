"""The floor of a training: what a logistic regression on its initial features reaches.

A fine-tuning that ends below it has lost what its start knew (Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, NotRequired

import numpy as np
from pydantic import Field
from typing_extensions import TypedDict

from jaxcxr.errors import InputError
from jaxcxr.files import write_json
from jaxcxr.inference.forward import label_aucs, mean_of_known
from jaxcxr.probing.examples import Examples
from jaxcxr.probing.linear import LinearHead, choose_linear
from jaxcxr.small_files import Count, Finite, read_json

FLOOR = "floor.json"
SAME = 0.005  # of AUC: two rankings that differ by less in every label are called the same


class Kept(TypedDict):
    """What the training keeps so far."""

    epoch: Count
    validation_auc: Finite | None
    labels: dict[str, Finite | None]


class FloorFile(TypedDict):
    """`floor.json`, see `Floor`."""

    validation_auc: Finite | None
    labels: dict[str, Finite | None]
    strength: Finite
    chosen_on: str
    images: dict[str, Count]
    start: dict[str, Finite | None]
    kept: NotRequired[Kept | Annotated[dict[str, Any], Field(max_length=0)]]  # not yet


@dataclass
class Floor:
    """What is kept of it in `floor.json`.

    Attributes:
      validation_auc: mean AUC of the logistic regression on the validation patients; NaN where no
        label has both classes there.
      labels: its AUC by label, None where a label does not have both classes.
      strength: inverse strength of the penalty, chosen on `chosen_on`.
      chosen_on: `validation`, or `training` (cross-validated by patient).
      images: of each split that it saw.
      start: AUC by label of the untrained start, from the same features and its initial head.
      kept: epoch, mean AUC and AUC by label of the parameters that the training keeps so far.
    """

    validation_auc: float
    labels: dict[str, float | None]
    strength: float
    chosen_on: str
    images: dict[str, int]
    start: dict[str, float | None]
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def beside(self) -> dict[str, float]:
        """What to show beside the validation AUC of an epoch."""
        return {} if math.isnan(self.validation_auc) else {"floor_auc": self.validation_auc}

    def describe(self) -> str:
        """Say it before the first step."""
        if math.isnan(self.validation_auc):
            return "not known: no label has both classes among the validation images"
        return (
            f"validation AUC {self.validation_auc:.4f}: logistic regression on the frozen initial "
            "features"
        )

    def keep(self, path: Path, epoch: int, truth: np.ndarray, logits: np.ndarray) -> None:
        """Take note of the parameters that the training keeps."""
        aucs = label_aucs(truth, logits)
        mean = mean_of_known(aucs)
        self.kept = {"epoch": epoch, "validation_auc": None if math.isnan(mean) else mean}
        self.kept["labels"] = _named(tuple(self.labels), aucs)
        self.write(path)

    def verdict(self) -> str:
        """Say at the end whether the training ended above it."""
        reached = self.kept.get("validation_auc")
        if reached is None or math.isnan(self.validation_auc):
            return f"floor {self.describe()}"
        what = f"epoch {self.kept['epoch']}, validation AUC {reached:.4f}"
        floor = f"{self.validation_auc:.4f}, what a logistic regression on its frozen start reaches"
        moved = [
            abs(value - self.start[name])
            for name, value in self.kept["labels"].items()
            if value is not None
        ]
        from_floor = self.start == self.labels
        if from_floor and self.kept["epoch"] == 0:
            return (
                f"this training learnt nothing: no epoch was better than its start, which is kept "
                f"and is the floor of {floor}"
            )
        if max(moved) < SAME:
            return (
                f"this training learnt nothing: {what}, ranks the validation images as its start "
                f"did, label by label; the floor is {floor}; raise config.learning_rate or train "
                "for more steps"
            )
        if reached < self.validation_auc:
            return (
                f"this training learnt nothing beyond its start: {what}, is below the floor of "
                f"{floor}" + ("" if from_floor else "; configs/recommended.py starts from there")
            )
        return f"{what}, is {reached - self.validation_auc:.4f} above the floor of {floor}"

    def write(self, path: Path) -> None:
        """Write `floor.json`."""
        known = None if math.isnan(self.validation_auc) else self.validation_auc
        write_json(path, vars(self) | {"validation_auc": known})


def find_floor(
    names: tuple[str, ...], train: Examples, validation: Examples, start: np.ndarray
) -> tuple[Floor, LinearHead]:
    """Fit the logistic regression.

    Args:
      names: of the labels.
      train: class tokens of the images that the training learns from.
      validation: class tokens of the validation images.
      start: `[validation images, labels]`, logits of the untrained start.

    Returns:
      The floor, and the head that reaches it.
    """
    choice = choose_linear(train, validation)
    aucs = label_aucs(validation.truth, choice.head(validation.features))
    floor = Floor(
        validation_auc=mean_of_known(aucs),
        labels=_named(names, aucs),
        strength=choice.setting,
        chosen_on=choice.chosen_on,
        images={"train": len(train.truth), "validation": len(validation.truth)},
        start=_named(names, label_aucs(validation.truth, start)),
    )
    assert isinstance(choice.head, LinearHead)
    return floor, choice.head


def _named(names: tuple[str, ...], aucs: np.ndarray) -> dict[str, float | None]:
    return {
        name: None if math.isnan(auc) else float(auc) for name, auc in zip(names, aucs, strict=True)
    }


def read_floor(path: Path) -> Floor | None:
    """Read `floor.json` back; None where there is none, or none that is whole."""
    try:
        read = read_json(path, FloorFile, "a floor", "it is measured again")
        found = Floor(**{one.name: read[one.name] for one in fields(Floor) if one.name in read})
    except InputError:
        return None
    if found.validation_auc is None:
        found.validation_auc = float("nan")
    return found
