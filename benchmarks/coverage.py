"""How often intervals cover and tests reject: averages over rare labels, and several trainings.

    python -m benchmarks.coverage [--replications 2000]

Prints the tables of `docs/statistics.md`. Scores are binormal, so the true AUC is known; the two
models are equal, so that a test at 0.05 should reject in 5 %. The first table begins with the
layout of the test images of `docs/real_radiographs.md`: 95 images with 13 labels, three of which
have one positive. Then its seven rare labels have so many positives each.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from jaxcxr.stats import (
    DeLong,
    averaged,
    bootstrap,
    bootstrap_p,
    influences,
    over_trainings,
    percentile_interval,
    trained,
)

SEED_SDS = (0.0, 0.01, 0.025, 0.05)
TRAININGS = (2, 3, 5)
COMMON = (67, 28, 18, 16, 14, 10)
LAYOUTS = {
    "real: 4, 4, 3, 2, 1, 1, 1": (4, 4, 3, 2, 1, 1, 1),
    **{f"{rare} each": (rare,) * 7 for rare in (1, 2, 3, 5, 10)},
    "left out": (),
}
IMAGES = 95
AUC = 0.7
SHIFT = float(np.sqrt(2) * ndtri(AUC))  # between positives and negatives, in standard deviations
LEVEL = 0.05


def rare_labels(
    rng: np.random.Generator, positives: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels `[images, labels]` and scores `[2, images, labels]` of two equal models."""
    truth = np.zeros((IMAGES, len(positives)), np.int8)
    for column, count in enumerate(positives):
        truth[rng.permutation(IMAGES)[:count], column] = 1
    of_image = rng.normal(size=(IMAGES, 1))
    of_label = rng.normal(size=truth.shape)
    own = rng.normal(size=(2, *truth.shape))
    scores = np.sqrt(0.3) * of_image + np.sqrt(0.35) * of_label + np.sqrt(0.35) * own
    return truth, scores + SHIFT * truth


def average(
    positives: Sequence[int], replications: int, resamples: int = 400, seed: int = 0
) -> np.ndarray:
    """Simulate the average over labels with so many positives each, unusable redraws left out.

    Returns:
      `[4]`: share of 95 % intervals of one model's average that cover it, and share of equal
      models that differ, by redraws; the same by the closed form, NaN if it knows no variance.
    """
    rng = np.random.default_rng([seed, *positives])
    hits = np.zeros(4)
    for replication in range(replications):
        truth, scores = rare_labels(rng, positives)
        redraws = bootstrap(truth, scores, resamples=resamples, seed=replication)
        means = redraws.auc.mean(axis=2)
        found = percentile_interval(redraws.estimates.auc[0].mean(), means[0])
        closed = averaged([one for one in influences(truth, scores) if one is not None])
        delong = DeLong(closed.auc, closed.covariance)
        low, high = delong.interval()[0]
        hits += [
            found.low <= AUC <= found.high,
            bootstrap_p(means[0] - means[1]) < LEVEL,
            low <= AUC <= high,
            delong.difference()[2] < LEVEL,
        ]
    if min(positives) < 2:
        hits[2:] = np.nan
    return hits / replications


def trained_models(
    rng: np.random.Generator, trainings: int, sd: float, images: int = 600
) -> tuple[np.ndarray, np.ndarray]:
    """One label `[images, 1]` and scores `[2, trainings, images, 1]` of two equal models.

    The AUC of a training varies by about `sd` around that of its model.
    """
    truth = np.zeros((images, 1), np.int8)
    truth[: images // 3] = 1
    slope = np.exp(-(ndtri(AUC) ** 2) / 2) / np.sqrt(2 * np.pi) / np.sqrt(2)
    shift = SHIFT + sd / slope * rng.normal(size=(2, trainings, 1, 1))
    of_image = rng.normal(size=(images, 1))
    of_model = rng.normal(size=(2, 1, images, 1))
    own = rng.normal(size=(2, trainings, images, 1))
    scores = np.sqrt(0.5) * of_image + np.sqrt(0.25) * of_model + np.sqrt(0.25) * own
    return truth, scores + shift * truth


def several_trainings(
    replications: int,
    counts: Sequence[int] = TRAININGS,
    sds: Sequence[float] = SEED_SDS,
    seed: int = 0,
) -> np.ndarray:
    """Simulate comparisons of models that were each trained several times.

    Returns:
      `[counts, sds, 3]`: share of equal models that differ if only patients are redrawn, and by
      Obuchowski and Rockette; share of 95 % intervals of one model's AUC that cover it.
    """
    found = np.zeros((len(counts), len(sds), 3))
    for i, trainings in enumerate(counts):
        for j, sd in enumerate(sds):
            rng = np.random.default_rng([seed, i, j])
            expected = _mean_auc(sd)
            for _ in range(replications):
                truth, scores = trained_models(rng, trainings, sd)
                models = trained(truth, list(scores))
                one = models.judged((1, 0), 0)
                fixed = _of_these_trainings(models.of_labels[0], trainings)
                found[i, j] += [
                    fixed < LEVEL,
                    models.judged((1, -1), 0).p < LEVEL,
                    one.low <= expected <= one.high,
                ]
    return found / replications


def _of_these_trainings(influence: object, trainings: int) -> float:
    """P of the difference of means over these trainings, as if there could be no others."""
    auc, covariance = influence.auc, influence.covariance  # type: ignore[attr-defined]
    weights = np.kron(np.eye(2), np.full((trainings, 1), 1 / trainings))
    means = [np.array([mean]) for mean in weights.T @ auc]
    return over_trainings(means, weights.T @ covariance @ weights, (1, -1)).p


def _mean_auc(sd: float) -> float:
    """AUC of a training, on average over trainings."""
    slope = np.exp(-(ndtri(AUC) ** 2) / 2) / np.sqrt(2 * np.pi) / np.sqrt(2)
    return float(ndtr(SHIFT / np.sqrt(2 + (sd / slope) ** 2)))


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    for cells in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--replications", type=int, default=2000)
    replications = parser.parse_args().replications
    header = ["positives of the rare labels", "redraws: cover", "reject"]
    rows = [
        [name, *(f"{share:.3f}" for share in average((*COMMON, *rare), replications))]
        for name, rare in LAYOUTS.items()
    ]
    _table([*header, "closed form: cover", "reject"], rows)
    header = ["trainings", "seed sd", "patients only: reject", "reject", "one model: cover"]
    found = several_trainings(replications)
    _table(
        header,
        [
            [trainings, sd, *(f"{share:.3f}" for share in found[i, j])]
            for i, trainings in enumerate(TRAININGS)
            for j, sd in enumerate(SEED_SDS)
        ],
    )


if __name__ == "__main__":
    main()
