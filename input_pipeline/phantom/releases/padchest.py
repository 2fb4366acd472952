"""A phantom PadChest: 16-bit PNG in numbered folders, one wide table of lists of terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.phantom.exams import Exam, pictures
from input_pipeline.phantom.radiographs import Radiograph, planned
from input_pipeline.phantom.release import Plan

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
IMAGES_PER_FOLDER = 64

# The publisher's terms for each finding; where there are several, one is drawn.
TERMS = {
    "cardiomegaly": ("cardiomegaly",),
    "pleural_effusion": ("pleural effusion", "pleural effusion", "loculated pleural effusion"),
    "pneumonia": ("pneumonia", "atypical pneumonia"),
    "atelectasis": ("atelectasis", "laminar atelectasis", "lobar atelectasis"),
    "no_finding": ("normal",),
    "consolidation": ("consolidation",),
    "pneumothorax": ("pneumothorax",),
    "emphysema": ("emphysema",),
    "hernia": ("hiatal hernia",),
    "scoliosis": ("scoliosis",),
    "congestion": ("hilar congestion",),
    "aortic_elongation": ("aortic elongation", "supra aortic elongation"),
    "kyphosis": ("kyphosis",),
    "copd": ("COPD signs",),
    "pleural_thickening": ("pleural thickening", "apical pleural thickening"),
    "nodule_mass": ("nodule", "multiple nodules", "pulmonary mass"),
    "infiltrates": ("infiltrates",),
}
# Terms beside the findings, and their share. The first three contain a finding's name.
BYSTANDERS = {
    "pseudonodule": 0.02,
    "subcutaneous emphysema": 0.02,
    "abnormal foreign body": 0.01,
    "NSG tube": 0.05,
    "unchanged": 0.05,
    "": 0.03,
}
FRONTAL = ("PA", "PA", "PA", "PA", "AP_horizontal", "AP")
VIEW_POSITION = {"PA": "POSTEROANTERIOR", "L": "LATERAL"}
LATERAL_SHARE = 0.2
ODD_SHARE = 0.01  # images without labels, and images whose only term is "unchanged"
MANUFACTURERS = ("PhilipsMedicalSystems", "ImagingDynamicsCompanyLtd")


def plan(images: int, seed: int, size: int) -> Plan:
    """Plan the release; one frontal file in the middle is cut short, as some real ones are."""
    rng = np.random.default_rng((seed, 2))
    rows: list[dict[str, Any]] = []
    radiographs: list[Radiograph] = []
    words: list[str] | None = []
    for number, (exam, view) in enumerate(
        pictures(images, [*TERMS], seed, lateral_share=LATERAL_SHARE)
    ):
        if view == "frontal":
            words = _words(rng, exam)
        projection = "L" if view == "lateral" else str(rng.choice(FRONTAL))
        row = _row(rng, seed, number, exam, projection, words)
        path = f"{row['ImageDir']}/{row['ImageID']}"
        radiograph = planned(
            path, exam, view, encoding="png16", size=size, seed=seed, number=number
        )
        radiographs.append(radiograph)
        rows.append(row | {"Rows_DICOM": radiograph.height, "Columns_DICOM": radiograph.width})
    middle = next((n for n in range(images // 2, images) if radiographs[n].view == "frontal"), 0)
    radiographs[middle] = replace(radiographs[middle], truncated=images > 1)
    return Plan({TABLE: pd.DataFrame(rows)}, radiographs)


def _words(rng: np.random.Generator, exam: Exam) -> list[str] | None:
    """The report's terms, some with the leading space that the publisher left; None: no labels."""
    chance = rng.random()
    if chance < ODD_SHARE:
        return None
    if chance < 2 * ODD_SHARE:
        return ["unchanged"]
    words = [str(rng.choice(TERMS[finding])) for finding in sorted(exam.findings)]
    words += [term for term, share in BYSTANDERS.items() if rng.random() < share]
    return [
        f" {word}" if index and rng.random() < 0.3 else word for index, word in enumerate(words)
    ]


def _row(
    rng: np.random.Generator,
    seed: int,
    number: int,
    exam: Exam,
    projection: str,
    words: list[str] | None,
) -> dict[str, Any]:
    study = f"{seed:04d}216840111366964{exam.patient:08d}{exam.visit:03d}"
    suffix = "".join(rng.choice(list("abcdefghijkmnpqrstuvwxyz0123456789"), 6))
    year = 2009 + exam.visit
    labels = "" if words is None else str(words)
    return {
        "": number,
        "ImageID": f"{study}_{suffix}.png",
        "ImageDir": str(number // IMAGES_PER_FOLDER),
        "StudyDate_DICOM": f"{year}{rng.integers(1, 13):02d}{rng.integers(1, 29):02d}",
        "StudyID": study,
        "PatientID": f"{seed:04d}8398604886942{exam.patient:08d}",
        "PatientBirth": float(year - exam.age),
        "PatientSex_DICOM": exam.sex,
        "ViewPosition_DICOM": VIEW_POSITION.get(projection, ""),
        "Projection": projection,
        "MethodProjection": "Manual review of DICOM fields",
        "Pediatric": "No",
        "Modality_DICOM": "CR",
        "Manufacturer_DICOM": str(rng.choice(MANUFACTURERS)),
        "PhotometricInterpretation_DICOM": "MONOCHROME2",
        "PixelRepresentation_DICOM": 0,
        "PixelAspectRatio_DICOM": "None",
        "SpatialResolution_DICOM": "None",
        "BitsStored_DICOM": 12,
        "WindowCenter_DICOM": 2047.5,
        "WindowWidth_DICOM": 4095,
        "Rows_DICOM": 0,
        "Columns_DICOM": 0,
        "XRayTubeCurrent_DICOM": 250,
        "Exposure_DICOM": 2,
        "ExposureInuAs_DICOM": 2500,
        "ExposureTime": 10,
        "RelativeXRayExposure_DICOM": -1.42,
        "ReportID": 4_000_000 + exam.patient * 100 + exam.visit,
        "Report": "radiografi fantom .",
        "MethodLabel": str(rng.choice(["Physician", "RNN_model"])),
        "Labels": labels,
        "Localizations": "[]",
        "LabelsLocalizationsBySentence": "[]" if words is None else str([[word] for word in words]),
        "labelCUIS": "[]" if not words else f"[{' '.join(repr('C0000000') for _ in words)}]",
        "LocalizationsCUIS": "[]",
    }
