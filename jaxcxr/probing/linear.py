"""Logistic regression of each label on frozen features, by scikit-learn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from jaxcxr.probing.examples import Choice, Examples, choose

# Inverse strength of the penalty, on features of unit variance; the strongest penalty first.
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SMALL = 10_000_000  # values of all features


@dataclass(frozen=True)
class LinearHead:
    """A linear map from features to logits.

    Attributes:
      kernel: `[width, labels]`.
      bias: `[labels]`.
    """

    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Map `[images, width]` to logits `[images, labels]`."""
        return features @ self.kernel + self.bias


def choose_linear(train: Examples, validation: Examples) -> Choice:
    """Fit logistic regressions; one strength for all labels, chosen on the validation patients."""
    return choose(STRENGTHS, fit_linear, train, validation)


def fit_linear(train: Examples, strength: float) -> LinearHead:
    """Fit each label's known images, with the features standardised.

    A label without both classes gets a constant logit, that of its prevalence.

    Args:
      train: to learn from.
      strength: scikit-learn's `C`, for features of unit variance.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    values = train.features.astype(np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    # A feature that is constant but for rounding says nothing, and must not be blown up.
    scale[scale <= 1e-6 * max(scale.max(initial=0.0), 1e-30)] = np.inf
    values = (values - mean) / scale
    # On small problems threads wait for each other a hundred times longer than they compute.
    threads = 1 if values.size < SMALL else None
    labels = train.truth.shape[1]
    kernel, bias = np.zeros((values.shape[1], labels)), np.zeros(labels)
    for label in range(labels):
        known = train.truth[:, label] >= 0
        truth = train.truth[known, label]
        positives = int((truth == 1).sum())
        if 0 < positives < len(truth):
            model = LogisticRegression(C=strength, max_iter=500)
            with threadpool_limits(threads), warnings.catch_warnings():
                # Not quite the optimum is good enough: the strength decides more.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(values[known], truth)
            kernel[:, label], bias[label] = model.coef_[0], model.intercept_[0]
        else:
            bias[label] = np.log((positives + 0.5) / (len(truth) - positives + 0.5))
    kernel /= scale[:, None]
    return LinearHead(kernel, bias - mean @ kernel)
