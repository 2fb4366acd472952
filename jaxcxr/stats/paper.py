"""What the study of arXiv 2308.07688 printed, named for what it is, to compare with it.

None of these is an interval or a test this package would use; see `docs/statistics.md`.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def pooled_spread(replicates: Any) -> tuple[float, float]:
    """Mean and standard deviation of all redraws of all labels thrown together.

    This is the study's "mean ± sd" of an average over labels (its Table 4). It mostly shows how
    different the labels are from each other: its square is the variance between the labels'
    means plus the mean of their variances, and it does not shrink with more images.

    Args:
      replicates: `[resamples, labels]`; NaN is left out.
    """
    values = np.asarray(replicates, np.float64)
    values = values[~np.isnan(values)]
    return float(values.mean()), float(values.std())


def pooled_spread_of_summaries(means: Any, sds: Any) -> tuple[float, float]:
    """The same from each label's mean and standard deviation, `[labels]` (its Tables S1-S6)."""
    means, sds = np.asarray(means, np.float64), np.asarray(sds, np.float64)
    return float(means.mean()), float(np.sqrt(means.var() + np.mean(sds**2)))


def one_sided_p(first: Any, second: Any) -> np.ndarray:
    """Share of paired redraws, `[resamples, ...]`, in which the first model is not better: `[...]`.

    The study's p-value. It is one-sided, was tried in the other direction if above 0.05, can be
    zero, and was not corrected for the number of labels.
    """
    better = np.asarray(first) > np.asarray(second)
    return (len(better) - better.sum(axis=0)) / len(better)
