"""A phantom VinDr-PCXR: DICOM, one reader's row an image, and the publisher's own spelling.

The lungs are an adult's. Half of the pneumonias are called `Brocho-pneumonia`, which the two label
rules take in two ways.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from input_pipeline.datasets.vindr_pcxr import DISEASES, RARE
from input_pipeline.phantom.exams import pictures
from input_pipeline.phantom.radiographs import planned
from input_pipeline.phantom.release import Plan

# The publisher's order of the columns.
COLUMNS = (
    *DISEASES[:4],
    "Other disease",
    "Situs inversus",
    "Pneumonia",
    *RARE[1:],
)
DRAWN = {  # findings that are drawn, and what a radiologist may call them
    "bronchitis_bronchiolitis": ("Bronchitis", "Bronchiolitis"),
    "pneumonia": ("Pneumonia", "Brocho-pneumonia"),
    "cardiomegaly": ("Other disease",),
    "no_finding": ("No finding",),
}
TEST_SHARE = 1397 / 9125  # as in the release
INVERTED_SHARE = 0.25


def plan(images: int, seed: int, size: int) -> Plan:
    """Plan the release: rows of training with their reader, and of test without."""
    rng = np.random.default_rng((seed, 2))
    rows: dict[str, list[dict[str, object]]] = {"train": [], "test": []}
    radiographs = []
    for number, (exam, view) in enumerate(pictures(images, tuple(DRAWN), seed)):
        image = hashlib.md5(f"{seed} {number}".encode(), usedforsecurity=False).hexdigest()
        split = "test" if rng.random() < TEST_SHARE else "train"
        named = {str(rng.choice(DRAWN[finding])) for finding in sorted(exam.findings)}
        reader = {"rad_ID": f"R{rng.integers(1, 4)}"} if split == "train" else {}
        marks = {column: float(column in named) for column in COLUMNS}
        rows[split].append({"image_id": image, **reader, **marks})
        encoding = "dicom1" if rng.random() < INVERTED_SHARE else "dicom2"
        path = f"{split}/{image}.dicom"
        radiographs.append(
            planned(path, exam, view, encoding=encoding, size=size, seed=seed, number=number)
        )
    tables = {f"image_labels_{split}.csv": pd.DataFrame(some) for split, some in rows.items()}
    return Plan(tables, radiographs)
