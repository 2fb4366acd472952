"""A phantom CheXpert-v1.0-small: JPEG, per-image marks 1, 0, -1 and blank, a bare test table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.datasets.chexpert_labels import FINDINGS
from input_pipeline.phantom.exams import Exam, pictures
from input_pipeline.phantom.radiographs import planned
from input_pipeline.phantom.release import Plan

ROOT = "CheXpert-v1.0-small"
# These are not drawn, so the phantom's tables leave them blank.
NOT_DRAWN = ("enlarged_cardiomediastinum", "pleural_other", "support_devices")
DRAWN = tuple(finding for finding in FINDINGS.values() if finding not in NOT_DRAWN)
SETS = ("train", "valid", "test")
SHARES = (0.76, 0.12, 0.12)


def plan(images: int, seed: int, size: int) -> Plan:
    """Plan the release: a patient is in one set, the radiologists' sets hold 0 and 1 alone."""
    rng = np.random.default_rng((seed, 2))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SETS}
    radiographs = []
    homes: dict[int, str] = {}
    labels: dict[str, float | str] = {}
    for number, (exam, view) in enumerate(pictures(images, DRAWN, seed, lateral_share=0.2)):
        home = homes.setdefault(exam.patient, str(rng.choice(SETS, p=SHARES)))
        if view == "frontal":
            labels = marks(rng, exam) if home == "train" else _consensus(exam)
        place = f"{home}/patient{exam.patient:05d}/study{exam.visit + 1}"
        path = f"{place}/view{1 if view == 'frontal' else 2}_{view}.jpg"
        radiographs.append(
            planned(
                f"{ROOT}/{path}",
                exam,
                view,
                encoding="jpeg",
                size=size,
                seed=seed,
                number=number,
            )
        )
        personal = {} if home == "test" else _personal(rng, exam, view)
        rows[home].append({"Path": f"{ROOT}/{path}", **personal, **labels})
    tables = {f"{ROOT}/{name}.csv": pd.DataFrame(rows[name]) for name in SETS if rows[name]}
    return Plan(tables, radiographs)


def marks(rng: np.random.Generator, exam: Exam) -> dict[str, float | str]:
    """What the labeler found in the report: sometimes uncertain, mostly blank where negative."""
    found: dict[str, float | str] = {}
    for column, finding in FINDINGS.items():
        if finding in NOT_DRAWN:
            found[column] = ""
        elif finding == "no_finding":
            found[column] = 1.0 if finding in exam.findings else ""
        elif finding in exam.findings:
            found[column] = float(rng.choice([1.0, -1.0], p=[0.95, 0.05]))
        else:
            uncertain = 0.0 if "no_finding" in exam.findings else 0.01
            mark = rng.choice(["", "0.0", "-1.0"], p=[0.8, 0.2 - uncertain, uncertain])
            found[column] = float(mark) if mark else ""
    return found


def _consensus(exam: Exam) -> dict[str, float | str]:
    return {column: float(finding in exam.findings) for column, finding in FINDINGS.items()}


def _personal(rng: np.random.Generator, exam: Exam, view: str) -> dict[str, object]:
    return {
        "Sex": {"F": "Female", "M": "Male"}[exam.sex],
        "Age": exam.age,
        "Frontal/Lateral": view.capitalize(),
        "AP/PA": str(rng.choice(["AP", "PA"], p=[0.85, 0.15])) if view == "frontal" else "",
    }
