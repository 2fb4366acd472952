"""MIMIC-CXR-JPG 2.0.0 and 2.1.0: 377,110 radiographs, labels by study.

Layout: `mimic-cxr-2.x.0-{metadata,chexpert,split}.csv[.gz]` beside
`files/p10/p10000032/s50414267/<dicom_id>.jpg`. Neither age nor sex is in these tables.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from input_pipeline.datasets import chexpert_labels, tables
from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import LabelRule
from jaxcxr.errors import InputError

VERSIONS = ("2.1.0", "2.0.0")
IDS = ("dicom_id", "subject_id", "study_id")
FRONTAL = ("PA", "AP")
SPLITS = {"train": "train", "validate": "validation", "test": "test"}
# Read in the authors' code; the size of the study's cohort agrees with it.
DROPPED_BY_STUDY = (
    "enlarged_cardiomediastinum",
    "consolidation",
    "pleural_effusion",
    "pneumothorax",
    "atelectasis",
)


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`."""
    metadata_path = _part(raw_dir, "metadata")
    metadata = tables.read(metadata_path, [*IDS, "ViewPosition"])
    for column in IDS:
        odd = ~metadata[column].str.fullmatch(r"[0-9A-Za-z-]+" if column == "dicom_id" else r"\d+")
        tables.refuse(metadata_path, column, metadata[column], odd, "an identifier of MIMIC-CXR")
    marks, labelled = _marks(raw_dir, metadata)
    steps = [
        (f"frontal (ViewPosition {' or '.join(FRONTAL)})", metadata["ViewPosition"].isin(FRONTAL))
    ]
    if rule.name == "curated":
        steps.append(("the study has labels", labelled))
    if (step := chexpert_labels.certain(marks, rule, DROPPED_BY_STUDY)) is not None:
        steps.append(step)
    return Release(
        rows=_rows(raw_dir, metadata_path, metadata),
        findings=chexpert_labels.findings(marks, rule),
        steps=steps,
        evidence=lambda finding: chexpert_labels.evidence(marks, finding),
        sources=(metadata_path, _part(raw_dir, "chexpert"), *filter(None, [_split(raw_dir)])),
        lists="mimic-cxr-2.x.0-split.csv",
    )


def _part(raw_dir: Path, part: str) -> Path:
    return tables.require(raw_dir, [f"mimic-cxr-{version}-{part}.csv" for version in VERSIONS])


def _split(raw_dir: Path) -> Path | None:
    return tables.find(raw_dir, [f"mimic-cxr-{version}-split.csv" for version in VERSIONS])


def _marks(raw_dir: Path, metadata: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Each image's marks, those of its study, and whether its study has any row of labels."""
    path = _part(raw_dir, "chexpert")
    table = tables.read(path, ["subject_id", "study_id", *chexpert_labels.COLUMNS])
    twice = table["study_id"].duplicated()
    tables.refuse(path, "study_id", table["study_id"], twice, "each study once")
    by_study = chexpert_labels.marks(path, table).set_index(table["study_id"])
    marks = by_study.reindex(metadata["study_id"]).set_index(metadata.index)
    return marks, metadata["study_id"].isin(by_study.index)


def _rows(raw_dir: Path, path: Path, metadata: pd.DataFrame) -> pd.DataFrame:
    patients, studies, images = (metadata[c] for c in ("subject_id", "study_id", "dicom_id"))
    base = tables.prefix(raw_dir, path.parent)
    folders = base + "files/p" + patients.str[:2] + "/p" + patients + "/s" + studies
    return pd.DataFrame(
        {
            "image_id": images,
            "image_path": folders + "/" + images + ".jpg",
            "patient_id": patients,
            "study_id": studies,
            "view": metadata["ViewPosition"],
            "age": float("nan"),
            "sex": "",
            "official_split": _official(raw_dir, images),
        }
    )


def _official(raw_dir: Path, images: pd.Series) -> pd.Series:
    path = _split(raw_dir)
    if path is None:
        return pd.Series("", index=images.index)
    table = tables.read(path, ["dicom_id", "split"])
    tables.refuse(path, "split", table["split"], ~table["split"].isin(SPLITS), " or ".join(SPLITS))
    if (twice := table["dicom_id"].duplicated()).any():
        raise InputError(f"{path} row {tables.row_number(twice)}: an image is listed twice")
    listed = table["split"].map(SPLITS)
    return tables.lookup(images, dict(zip(table["dicom_id"], listed, strict=True)))
