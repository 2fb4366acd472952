"""The labels that a run learns from: its data's, with the noise that its config asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from input_pipeline.label_noise import count_flips, noisy_labels
from input_pipeline.loader import Prepared

LABEL_NOISE = "label_noise"  # in `start.json`, and in the `trained_on` of all that a run leaves


def labels_to_learn(config: ConfigDict, prepared: Prepared, labels: Sequence[str]) -> np.ndarray:
    """Return the labels of `prepared.records("train")`, all rows of them.

    Those of the other splits are never touched.

    Returns:
      `[training images, labels]` int8: 1, 0, or -1 where unknown.
    """
    return _with_noise(config, prepared)[:, prepared.columns(labels)]


def label_noise(
    config: ConfigDict, prepared: Prepared, labels: Sequence[str], rows: np.ndarray
) -> dict[str, Any]:
    """Describe the noise in what a run learns; empty without any.

    Args:
      config: of the run.
      prepared: its dataset.
      labels: of its outputs.
      rows: of the training records that are learnt from.

    Returns:
      Under `LABEL_NOISE` the `probability`, the `seed`, and the counts of `count_flips` by label.
    """
    if not config.label_noise:
        return {}
    truth = prepared.records("train")[list(prepared.labels)].to_numpy(np.int8)
    counted = count_flips(truth[rows], _with_noise(config, prepared)[rows], prepared.labels)
    return {
        LABEL_NOISE: {
            "probability": config.label_noise,
            "seed": config.label_noise_seed,
            "labels": {name: counted[name] for name in labels},
        }
    }


def describe_noise(noise: dict[str, Any]) -> str:
    """Say in a line what `label_noise` counted."""
    changed = [
        f"{name} {of['became_negative']} of {of['positives']} positives and "
        f"{of['became_positive']} of {of['negatives']} negatives"
        for name, of in noise["labels"].items()
    ]
    text = (
        f"positives flipped with probability {noise['probability']:g}, negatives with a quarter "
        f"of it, seed {noise['seed']}: {'; '.join(changed)}"
    )
    alone = sum(of.get("without_a_flip", 0) for of in noise["labels"].values())
    return text + (f" ({alone} by its rule alone, without a flip in the image)" if alone else "")


def _with_noise(config: ConfigDict, prepared: Prepared) -> np.ndarray:
    records = prepared.records("train")
    return noisy_labels(records, prepared.labels, config.label_noise, config.label_noise_seed)
