"""A phantom VinDr-CXR: DICOM of both photometric kinds, three readers who sometimes disagree.

The publisher's tables of boxes are left out: nothing of ours reads them.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.labels import TRAINED
from input_pipeline.phantom.exams import Exam, pictures
from input_pipeline.phantom.radiographs import planned
from input_pipeline.phantom.release import Plan

COLUMNS = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
    "Other diseases",
    "No finding",
)
IDS = {column: column.lower().replace(" ", "_").replace("/", "_") for column in COLUMNS}
TEST_SHARE = 1 / 6  # as in the release
MISSED = 0.08
INVENTED = 0.01
INVERTED_SHARE = 0.25


def plan(images: int, seed: int, size: int) -> Plan:
    """Plan the release: three readers' rows in training, one consensus row in test."""
    rng = np.random.default_rng((seed, 2))
    read: list[dict[str, Any]] = []
    consensus: list[dict[str, Any]] = []
    radiographs = []
    for number, (exam, view) in enumerate(pictures(images, TRAINED["vindr_cxr"], seed)):
        image = hashlib.md5(f"{seed} {number}".encode(), usedforsecurity=False).hexdigest()
        test = rng.random() < TEST_SHARE
        if test:
            consensus.append({"image_id": image, **_labels(exam.findings)})
        else:
            for reader in rng.choice(17, 3, replace=False):
                seen = _labels(_seen(rng, exam))
                read.append({"image_id": image, "rad_id": f"R{reader + 1}", **seen})
        encoding = "dicom1" if rng.random() < INVERTED_SHARE else "dicom2"
        path = f"{'test' if test else 'train'}/{image}.dicom"
        radiographs.append(
            planned(path, exam, view, encoding=encoding, size=size, seed=seed, number=number)
        )
    # The test table of some copies has the other spelling.
    tested = pd.DataFrame(consensus).rename(columns={"Other diseases": "Other disease"})
    tables = {
        "annotations/image_labels_train.csv": pd.DataFrame(read),
        "annotations/image_labels_test.csv": tested,
    }
    return Plan(tables, radiographs)


def _labels(findings: frozenset[str]) -> dict[str, int]:
    return {column: int(IDS[column] in findings) for column in COLUMNS}


def _seen(rng: np.random.Generator, exam: Exam) -> frozenset[str]:
    """What one reader notes: now and then a finding missed or invented."""
    noted = {finding for finding in exam.findings if rng.random() >= MISSED}
    noted |= {finding for finding in TRAINED["vindr_cxr"] if rng.random() < INVENTED}
    noted.discard("no_finding")
    return frozenset(noted) or frozenset({"no_finding"})
