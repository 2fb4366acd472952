"""A phantom MIMIC-CXR-JPG 2.0.0: gzipped tables, labels by study, some studies without labels."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from input_pipeline.datasets.chexpert_labels import FINDINGS
from input_pipeline.phantom.exams import Exam, pictures
from input_pipeline.phantom.radiographs import Radiograph, planned
from input_pipeline.phantom.release import Plan
from input_pipeline.phantom.releases.chexpert import DRAWN, marks

PREFIX = "mimic-cxr-2.0.0"
COLUMNS = sorted(FINDINGS)
SETS = ("train", "validate", "test")
SHARES = (0.76, 0.08, 0.16)
UNLABELLED_SHARE = 0.03
VIEWS = {"frontal": ("AP", "AP", "AP", "PA", "PA", ""), "lateral": ("LATERAL", "LL")}
VIEW_NAMES = {"AP": "antero-posterior", "PA": "postero-anterior"}


def plan(images: int, seed: int, size: int) -> Plan:
    """Plan the release; a blank view, as thousands of real rows have, is a frontal picture."""
    rng = np.random.default_rng((seed, 2))
    metadata, labels, split, files = [], [], [], []
    radiographs: list[Radiograph] = []
    homes: dict[int, str] = {}
    for number, (exam, view) in enumerate(pictures(images, DRAWN, seed, lateral_share=0.3)):
        home = homes.setdefault(exam.patient, str(rng.choice(SETS, p=SHARES)))
        ids = _ids(seed, number, exam)
        if view == "frontal" and rng.random() >= UNLABELLED_SHARE:
            found = marks(rng, exam)
            study = {key: ids[key] for key in ("subject_id", "study_id")}
            labels.append({**study, **{column: found[column] for column in COLUMNS}})
        patient, study_id = ids["subject_id"], ids["study_id"]
        file = f"files/p{str(patient)[:2]}/p{patient}/s{study_id}/{ids['dicom_id']}.jpg"
        files.append(file)
        radiographs.append(
            planned(file, exam, view, encoding="jpeg", size=size, seed=seed, number=number)
        )
        position = str(rng.choice(VIEWS[view]))
        metadata.append(ids | _metadata(position, radiographs[-1], number))
        split.append({key: ids[key] for key in ("dicom_id", "study_id", "subject_id")})
        split[-1]["split"] = home
    tables: dict[str, pd.DataFrame | list[str]] = {
        f"{PREFIX}-metadata.csv.gz": pd.DataFrame(metadata),
        f"{PREFIX}-chexpert.csv.gz": pd.DataFrame(labels),
        f"{PREFIX}-negbio.csv.gz": pd.DataFrame(labels),
        f"{PREFIX}-split.csv.gz": pd.DataFrame(split),
        "IMAGE_FILENAMES": files,
    }
    return Plan(tables, radiographs)


def _ids(seed: int, number: int, exam: Exam) -> dict[str, str | int]:
    letters = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
    return {
        "dicom_id": "-".join(letters[start : start + 8] for start in range(0, 40, 8)),
        "subject_id": 10_000_000 + exam.patient,
        "study_id": 50_000_000 + 100 * exam.patient + exam.visit,
    }


def _metadata(position: str, radiograph: Radiograph, number: int) -> dict[str, object]:
    procedure = "CHEST (PORTABLE AP)" if position == "AP" else "CHEST (PA AND LAT)"
    return {
        "PerformedProcedureStepDescription": procedure,
        "ViewPosition": position,
        "Rows": radiograph.height,
        "Columns": radiograph.width,
        "StudyDate": 21_500_101 + number % 28,
        "StudyTime": 120_000.0,
        "ProcedureCodeSequence_CodeMeaning": procedure,
        "ViewCodeSequence_CodeMeaning": VIEW_NAMES.get(position, ""),
        "PatientOrientationCodeSequence_CodeMeaning": "Erect",
    }
