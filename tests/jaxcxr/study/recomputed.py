"""The numbers of a study's further tables again, by scikit-learn from the prediction files."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.stats import trained

AVERAGE = "Average"
TITLES = {"DINOv2": "dinov2", "ImageNet-21K": "imagenet21k"}
DATASETS = {title: name for name, title in PAPER_DATASETS.items()}


def read_test_split(path):
    frame = pd.read_parquet(path)
    return frame[frame["split"] == "test"].reset_index(drop=True)


def read_frames(out, runs, file=PREDICTIONS):
    return [read_test_split(out / "runs" / run / file) for run in runs.split()]


def auc_of(frame, label, weights=None):
    truth = frame[f"label:{label}"]
    if len(set(truth[np.asarray(weights) > 0] if weights is not None else truth)) < 2:
        return np.nan
    return 100 * roc_auc_score(truth, frame[f"logit:{label}"], sample_weight=weights)


def mean_auc_of(frames, labels, weights=None):
    return np.mean([auc_of(frame, label, weights) for frame in frames for label in labels])


def labels_of(frame):
    return [c.removeprefix("label:") for c in frame if c.startswith("label:")]


def trainings_of(labels, *models):
    """The models of some files, a file a training, on the labels named."""
    truth = models[0][0][[f"label:{name}" for name in labels]].to_numpy()
    scores = [
        np.stack([frame[[f"logit:{name}" for name in labels]].to_numpy(float) for frame in frames])
        for frames in models
    ]
    return trained(truth, scores, groups=models[0][0]["patient_id"].to_numpy())


def assert_ends(row, columns, found):
    shown = [float(row[column]) for column in columns]
    np.testing.assert_allclose(shown, [100 * found.low, 100 * found.high])


def units_of(frame, label):
    """Patients of the smaller class."""
    return min(
        frame.loc[frame[f"label:{label}"] == kind, "patient_id"].nunique() for kind in (0, 1)
    )
