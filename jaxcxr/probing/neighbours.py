"""k nearest neighbours among frozen features, weighted as in DINO (arXiv 2104.14294)."""

from __future__ import annotations

import numpy as np

from jaxcxr.probing.examples import Choice, Examples, Head, choose

COUNTS = (200, 100, 50, 20, 10, 5)
TEMPERATURE = 0.07  # DINO's


def choose_neighbours(train: Examples, validation: Examples) -> Choice:
    """Choose how many neighbours vote, on the validation patients."""
    counts = [count for count in COUNTS if count < len(train.features)]
    return choose(counts or [1], fit_neighbours, train, validation)


def fit_neighbours(train: Examples, count: int) -> Head:
    """Score an image by the labels of the `count` training images of the most similar direction.

    Each votes with exp(cosine similarity / 0.07) for the labels that are known of it; one vote of
    mean weight at the training prevalence keeps the logit finite.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(train.features))
    centre = train.features.mean(axis=0)
    found = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute")
    found.fit(train.features - centre)
    known, positive = train.truth >= 0, train.truth == 1
    prevalence = (positive.sum(0) + 0.5) / (known.sum(0) + 1)

    def head(features: np.ndarray) -> np.ndarray:
        if not len(features):
            return np.zeros((0, train.truth.shape[1]))
        distances, near = found.kneighbors(features - centre)
        weights = np.exp(-(distances - distances[:, :1]) / TEMPERATURE)
        votes = np.einsum("ik,ikl->il", weights, known[near].astype(float))
        favour = np.einsum("ik,ikl->il", weights, positive[near].astype(float))
        own = weights.mean(axis=1, keepdims=True)
        share = (favour + own * prevalence) / (votes + own)
        return np.log(share) - np.log1p(-share)

    return head
