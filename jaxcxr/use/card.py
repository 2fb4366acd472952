"""What the numbers of a run mean: calibration, threshold and test AUC of each of its labels.

Calibration (Platt's) and threshold (Youden's) are fitted on the run's validation images, as
`statistics.json` has them. Several runs are one model, an ensemble: its logit is the mean of
theirs, and both are fitted on that mean.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.results.predictions import Predictions, read_predictions
from jaxcxr.results.thresholds import validation_thresholds
from jaxcxr.run.belongs import check_predictions
from jaxcxr.run.directory import PREDICTIONS, STATISTICS
from jaxcxr.stats import auc_interval, fit_platt


@dataclass(frozen=True)
class LabelCard:
    """What is known of one output.

    Attributes:
      label: its name.
      slope, offset: probability = sigmoid(slope * logit + offset); 1 and 0 where not calibrated.
      calibration: what they were fitted on, or why they were not.
      threshold: the logit from which on the finding is called; None where there is none.
      threshold_source: what it was chosen on, or why there is none.
      test_auc: `value`, `low`, `high`, `level`, `positives`, `negatives`; None where unknown.
    """

    label: str
    slope: float
    offset: float
    calibration: str
    threshold: float | None
    threshold_source: str
    test_auc: dict[str, Any] | None

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Calibrate logits of any shape."""
        return expit(self.slope * np.asarray(logits, np.float64) + self.offset)


def read_card(
    runs: Sequence[Path], labels: Sequence[str], origins: Sequence[dict[str, Any]]
) -> tuple[LabelCard, ...]:
    """Describe each output of a run, or of several as an ensemble.

    Args:
      runs: directories.
      labels: of the outputs, in their order, the same of all runs.
      origins: provenance of each run's weights, as of `load_run`.

    Raises:
      InputError: predictions in a run are not of its weights.
    """
    files = [run / PREDICTIONS for run in runs]
    if not all(path.is_file() for path in files):
        why = f"none: a run has no {PREDICTIONS}, which its training's end writes"
        return tuple(LabelCard(one, 1.0, 0.0, why, None, why, None) for one in labels)
    for run, origin in zip(runs, origins, strict=True):
        check_predictions(run, origin)
    members = [read_predictions(path) for path in files]
    for member in members:
        if member.label_names != tuple(labels):
            raise InputError(f"{member.path}: its labels are not the run's; predict again")
    together = _mean(members)
    if together is None:
        why = "none: the runs were not validated on the same images"
        return tuple(LabelCard(one, 1.0, 0.0, why, None, why, None) for one in labels)
    aucs = _published(runs[0]) if len(runs) == 1 else _computed(together)
    if not together.has("validation"):
        why = "none: the run has no validation images"
        return tuple(LabelCard(one, 1.0, 0.0, why, None, why, aucs.get(one)) for one in labels)
    validation = together.of_split("validation")
    thresholds = validation_thresholds(validation)
    return tuple(
        _of_label(name, validation, column, float(thresholds[column]), aucs.get(name))
        for column, name in enumerate(labels)
    )


def card_json(card: Sequence[LabelCard]) -> list[dict[str, Any]]:
    """Write it as plain JSON values."""
    return [asdict(one) for one in card]


def _of_label(
    name: str, validation: Predictions, column: int, threshold: float, auc: dict[str, Any] | None
) -> LabelCard:
    truth, logits = validation.labels[:, column], validation.scores[:, column]
    positives, negatives = int((truth == 1).sum()), int((truth == 0).sum())
    counted = f"{positives} positive and {negatives} negative validation images"
    if not positives or not negatives:
        why = f"none: {counted}"
        return LabelCard(name, 1.0, 0.0, why, None, why, auc)
    scaling = fit_platt(truth, logits)
    return LabelCard(
        name,
        scaling.slope,
        scaling.offset,
        f"Platt's scaling fitted on {counted}",
        threshold if np.isfinite(threshold) else None,
        f"the largest Youden's J on {counted}",
        auc,
    )


def _mean(members: Sequence[Predictions]) -> Predictions | None:
    """Average the logits of the same images; None where the images or labels are not the same."""
    first = members[0]
    for other in members[1:]:
        same = all(
            np.array_equal(getattr(first, name), getattr(other, name))
            for name in ("image_id", "split", "labels")
        )
        if not same:
            return None
    return replace(first, scores=np.mean([one.scores for one in members], axis=0))


def _published(run: Path) -> dict[str, dict[str, Any]]:
    """Take each label's test AUC from the run's `statistics.json`, if that is of its predictions.

    Raises:
      InputError: the file is damaged.
    """
    path = run / STATISTICS
    if not path.is_file():
        return {}
    try:
        statistics = json.loads(path.read_text(encoding="utf-8"))
        if statistics["predictions_sha256"] != sha256(run / PREDICTIONS):
            return {}
        level = statistics["bootstrap"]["level"]
        return {
            row["label"]: {name: row["metrics"]["auc"][name] for name in ("value", "low", "high")}
            | {"level": level, "positives": row["positives"], "negatives": row["negatives"]}
            for row in statistics["labels"]
            if row["metrics"] is not None and statistics["split"] == "test"
        }
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: damaged; evaluate the run's predictions again") from None


def _computed(together: Predictions) -> dict[str, dict[str, Any]]:
    if not together.has("test"):
        return {}
    test, found = together.of_split("test"), {}
    for column, name in enumerate(test.label_names):
        truth = test.labels[:, column]
        positives, negatives = int((truth == 1).sum()), int((truth == 0).sum())
        if positives and negatives:
            auc = auc_interval(truth, test.scores[:, column], test.patients)
            ends = {end: _number(getattr(auc, end)) for end in ("value", "low", "high")}
            found[name] = ends | {"level": 0.95, "positives": positives, "negatives": negatives}
    return found


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
