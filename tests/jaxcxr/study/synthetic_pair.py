"""Paireds whose AUCs are those of the paper, or off by a known amount."""

import numpy as np
from scipy.stats import norm

from input_pipeline.labels import NAMES, PAPER_DATASETS, label_set
from jaxcxr.study.analyses.paired import Paired
from jaxcxr.study.analyses.paper_tables import printed

IMAGES, POSITIVES = 900, 250
TITLES = {"paper": ("DINOv2", "ImageNet-21K"), "mimic_transfer": ("DINOv2", "MIMIC-CXR")}


def binormal(auc):
    """Scores of positives and of negatives, evenly over two normals, with just this AUC."""

    def scores(count):
        return norm.ppf((np.arange(count) + 0.5) / count)

    positives, negatives = scores(POSITIVES), scores(IMAGES - POSITIVES)
    low, high = -1.0, 8.0
    for _ in range(40):
        distance = (low + high) / 2
        found = np.searchsorted(negatives, positives + distance).mean() / len(negatives)
        low, high = (distance, high) if found < auc else (low, distance)
    return positives + high, negatives


def paired(dataset, labels_of="paper", shift=0.0):
    """Give the first initialization the paper's AUCs, in percent, plus `shift`; the second its."""
    rng = np.random.default_rng(0)
    names = tuple(NAMES[finding] for finding in label_set(dataset, labels_of))
    theirs = printed(labels_of)
    truth = np.zeros((IMAGES, len(names)), np.int8)
    scores = np.zeros((2, 1, IMAGES, len(names)))
    for column, name in enumerate(names):
        order = rng.permutation(IMAGES)
        truth[order[:POSITIVES], column] = 1
        for which, title in enumerate(TITLES[labels_of]):
            auc = theirs[PAPER_DATASETS[dataset], name, "auc", title][0] + shift * (which == 0)
            scores[which, 0, order, column] = np.concatenate(binormal(auc / 100))
    return Paired(
        dataset=dataset,
        label_set=labels_of,
        titles=TITLES[labels_of],
        runs=(("first",), ("second",)),
        label_names=names,
        labels=truth,
        scores=scores,
        patients=np.array([f"p{row}" for row in range(IMAGES)]),
        origins={"first": {}, "second": {}},
    )
