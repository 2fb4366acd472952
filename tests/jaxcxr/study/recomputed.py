"""The numbers of a study's further tables again, by scikit-learn from the prediction files."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from study.synthetic_runs import REDRAWS

from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.stats import resample_counts

AVERAGE = "Average"


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


def redrawn(frame, of):
    """Values of `of(counts)` over the very redraws of the tables, by scikit-learn's weights."""
    counts = resample_counts(0, REDRAWS, len(frame), frame["patient_id"].to_numpy())
    counts = counts if counts.shape[0] == REDRAWS else counts.T
    return np.array([of(one.astype(float)) for one in counts])
