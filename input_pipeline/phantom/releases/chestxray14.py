"""A phantom ChestX-ray14: 8-bit PNG in numbered folders, a few of them RGBA, official lists."""

from __future__ import annotations

import numpy as np
import pandas as pd

from input_pipeline.datasets.chestxray14 import FINDINGS, LISTS
from input_pipeline.phantom.exams import pictures
from input_pipeline.phantom.radiographs import planned
from input_pipeline.phantom.release import Plan

TABLE = "Data_Entry_2017_v2020.csv"
IMAGES_PER_FOLDER = 100
RGBA_EVERY = 25
TEST_SHARE = 0.23  # as in the release
NAMES = {finding: name for name, finding in FINDINGS.items()}


def plan(images: int, seed: int, size: int) -> Plan:
    """Plan the release: patients are split into the two lists whole."""
    rng = np.random.default_rng((seed, 2))
    rows, radiographs = [], []
    lists: dict[str, list[str]] = {file: [] for file in LISTS.values()}
    tested: dict[int, bool] = {}
    for number, (exam, _) in enumerate(pictures(images, [*NAMES], seed)):
        name = f"{exam.patient:08d}_{exam.visit:03d}.png"
        view = str(rng.choice(["PA", "AP"], p=[0.6, 0.4]))
        path = f"images_{1 + number // IMAGES_PER_FOLDER:03d}/images/{name}"
        encoding = "png8" if (number + 1) % RGBA_EVERY else "rgba"
        radiograph = planned(
            path, exam, "frontal", encoding=encoding, size=size, seed=seed, number=number
        )
        radiographs.append(radiograph)
        test = tested.setdefault(exam.patient, bool(rng.random() < TEST_SHARE))
        lists[LISTS["test" if test else "train"]].append(name)
        rows.append(
            {
                "Image Index": name,
                "Finding Labels": "|".join(sorted(NAMES[finding] for finding in exam.findings)),
                "Follow-up #": exam.visit,
                "Patient ID": exam.patient,
                "Patient Age": exam.age,
                "Patient Gender": exam.sex,
                "View Position": view,
                "OriginalImage[Width": 2 * radiograph.width,
                "Height]": 2 * radiograph.height,
                "OriginalImagePixelSpacing[x": 0.168,
                "y]": 0.168,
            }
        )
    return Plan({TABLE: pd.DataFrame(rows), **lists}, radiographs)
