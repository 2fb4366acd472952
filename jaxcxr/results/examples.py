"""Examples of what a model calls positive: the surest true and false positives of a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.results.predictions import Predictions
from jaxcxr.stats import operating_point

TRUE_POSITIVE, FALSE_POSITIVE = "true positive", "false positive"


@dataclass(frozen=True)
class Example:
    """An image that a model calls positive for a label.

    Attributes:
      label: the label.
      kind: `true positive` or `false positive`.
      image_id: of the image.
      score: its logit.
      threshold: the operating point: Youden's on the images that the example was chosen from.
    """

    label: str
    kind: str
    image_id: str
    score: float
    threshold: float


def choose_examples(predictions: Predictions, labels: Sequence[str], count: int) -> list[Example]:
    """Choose the `count` true and the `count` false positives with the highest scores.

    Of equal scores the first image id is chosen. A label without both classes gives none.

    Args:
      predictions: of one split.
      labels: names.
      count: of each kind, for each label; fewer where there are no more.

    Raises:
      InputError: the predictions have no such label.
    """
    chosen = []
    for name in labels:
        if name not in predictions.label_names:
            raise InputError(
                f"{predictions.path}: no label {name!r}; choose among "
                f"{', '.join(predictions.label_names)}"
            )
        column = predictions.label_names.index(name)
        truth, scores = predictions.labels[:, column], predictions.scores[:, column]
        if not ((truth == 1).any() and (truth == 0).any()):
            continue
        threshold = operating_point(truth, scores).threshold
        order = np.lexsort((predictions.image_id, -scores))
        for kind, known in ((TRUE_POSITIVE, 1), (FALSE_POSITIVE, 0)):
            rows = [row for row in order if truth[row] == known and scores[row] >= threshold]
            chosen += [
                Example(name, kind, str(predictions.image_id[row]), float(scores[row]), threshold)
                for row in rows[:count]
            ]
    return chosen
