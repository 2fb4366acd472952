"""AUC over several folds, against scikit-learn's, where the folds' logits differ in scale."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.pooled_folds import compare, read_folds

LABELS = ["Edema", "Rare"]


def _fold(directory, seed, shift):
    """Write the predictions of a fold whose logits are all moved by `shift`; return its test."""
    rng = np.random.default_rng(seed)
    edema = np.arange(40) % 4 == 0
    frame = pd.DataFrame(
        {
            "image_id": rng.permutation([f"{seed}-{row:02}" for row in range(40)]),
            "patient_id": [f"{seed}-{row // 2}" for row in range(40)],
            "split": ["validation"] * 8 + ["test"] * 32,
            "label:Edema": edema.astype(int),
            # One fold alone has both classes of it.
            "label:Rare": (np.arange(40) == 20 if seed else np.zeros(40)).astype(int),
            "logit:Edema": rng.normal(size=40) + 2 * edema + shift,
            "logit:Rare": rng.normal(size=40),
        }
    )
    directory.mkdir()
    frame.to_parquet(directory / "predictions.parquet")
    return frame[frame["split"] == "test"]


def test_a_shift_between_folds_costs_the_pooled_auc_alone(tmp_path):
    tests = [_fold(tmp_path / str(seed), seed, 5.0 * seed) for seed in (0, 1)]
    runs = read_folds([tmp_path / "0", tmp_path / "1"], LABELS)
    level = runs.copy()
    level.loc[level["fold"] == 1, "logit:Edema"] -= 5
    values, low, high = compare(runs, level, LABELS, redraws=50)
    both = pd.concat(tests)
    singles = [roc_auc_score(one["label:Edema"], one["logit:Edema"]) for one in tests]
    pooled, ranks, folds = values[:, :, 0].T
    assert pooled[0] == pytest.approx(roc_auc_score(both["label:Edema"], both["logit:Edema"]))
    assert folds[0] == folds[1] == pytest.approx(np.mean(singles))
    assert ranks[0] == ranks[1]
    assert pooled[2] < -0.1
    assert high[2, 0, 0] < 0 and low[2, 2, 0] == high[2, 2, 0] == 0
    rare = tests[1]
    # The fold without a positive of the rare label has no AUC of its own.
    expected = roc_auc_score(rare["label:Rare"], rare["logit:Rare"])
    assert values[0, 2, 1] == pytest.approx(expected)
