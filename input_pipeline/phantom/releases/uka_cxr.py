"""A phantom UKA-CXR in the form of the template: JPEG, five-step severities a side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from input_pipeline.datasets.uka_cxr import COLUMNS, TABLES
from input_pipeline.labels import TRAINED
from input_pipeline.phantom.exams import pictures
from input_pipeline.phantom.radiographs import planned
from input_pipeline.phantom.release import Plan

SEVERITIES = range(6)
IF_SHOWN = (0.02, 0.0, 0.03, 0.55, 0.35, 0.05)
IF_NOT = (0.03, 0.82, 0.15, 0.0, 0.0, 0.0)
TEST_SHARE = 0.2


def plan(images: int, seed: int, size: int) -> Plan:
    """Plan the release: all portable AP radiographs, split by patient."""
    rng = np.random.default_rng((seed, 2))
    rows, radiographs = [], []
    homes: dict[int, str] = {}
    for number, (exam, view) in enumerate(pictures(images, TRAINED["uka_cxr"], seed)):
        image, subset = f"uka{seed:04d}{number:07d}", f"subset{1 + number // 500}"
        test = rng.random() < TEST_SHARE
        home = homes.setdefault(exam.patient, "test" if test else "train")
        severities = {
            column: int(rng.choice(SEVERITIES, p=IF_SHOWN if finding in exam.findings else IF_NOT))
            for column, finding in COLUMNS.items()
        }
        rows.append(
            {
                "image_id": image,
                "split": home,
                "subset": subset,
                "age": exam.age,
                "gender": exam.sex,
                **severities,
                "subject_id": f"p{exam.patient:07d}",
                "healthy": int("no_finding" in exam.findings),
            }
        )
        path = f"{subset}/{image}.jpg"
        radiographs.append(
            planned(path, exam, view, encoding="jpeg", size=size, seed=seed, number=number)
        )
    return Plan({TABLES[0]: pd.DataFrame(rows)}, radiographs)
