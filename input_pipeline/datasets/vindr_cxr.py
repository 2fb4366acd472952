"""VinDr-CXR: 18,000 frontal radiographs; three readers each in training, a consensus in test.

Layouts: PhysioNet 1.0.0 (`annotations/image_labels_{train,test}.csv`, `train/` and `test/` of
`<image_id>.dicom`), or the Kaggle edition (`train.csv` of boxes, `train/`), whose 14 classes hold
no pneumonia and whose test labels are not public. Neither names a patient.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import UNKNOWN, LabelRule
from input_pipeline.tables import raw_tables

READERS = 3
MAJORITY = 2
FINDINGS = {
    "Aortic enlargement": "aortic_enlargement",
    "Atelectasis": "atelectasis",
    "Calcification": "calcification",
    "Cardiomegaly": "cardiomegaly",
    "Clavicle fracture": "fracture",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Emphysema": "emphysema",
    "Enlarged PA": "enlarged_pulmonary_artery",
    "ILD": "interstitial_lung_disease",
    "Infiltration": "infiltrates",
    "Lung Opacity": "lung_opacity",
    "Lung cavity": "lung_cavity",
    "Lung cyst": "lung_cyst",
    "Mediastinal shift": "mediastinal_shift",
    "Nodule/Mass": "nodule_mass",
    "Pleural effusion": "pleural_effusion",
    "Pleural thickening": "pleural_thickening",
    "Pneumothorax": "pneumothorax",
    "Pulmonary fibrosis": "pulmonary_fibrosis",
    "Rib fracture": "fracture",
    "COPD": "copd",
    "Lung tumor": "lung_tumor",
    "Pneumonia": "pneumonia",
    "Tuberculosis": "tuberculosis",
    "No finding": "no_finding",
}
KAGGLE_CLASSES = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "No finding",
)


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read either edition. Both label rules agree: at least two of the three readers."""
    train = raw_tables.find(raw_dir, ["image_labels_train.csv"])
    if train is None:
        boxes = raw_tables.require(raw_dir, ["image_labels_train.csv", "train.csv"])
        base, parts, lists = boxes.parent, {"": _kaggle_votes(boxes)}, ""
        sources = [boxes]
    else:
        base = raw_dir if train.parent == raw_dir else train.parent.parent
        parts, sources = {"train": _reader_votes(train)}, [train]
        lists = "image_labels_train.csv and image_labels_test.csv"
        test = raw_tables.find(raw_dir, ["image_labels_test.csv"])
        if test is not None:
            parts["test"] = _consensus_votes(test)
            sources.append(test)
    votes = pd.concat(parts.values())
    images = pd.Series(votes.index, dtype=str)
    splits = pd.Series([split for split, part in parts.items() for _ in range(len(part))])
    votes = votes.reset_index(drop=True)
    return Release(
        rows=_rows(raw_tables.prefix(raw_dir, base), images, splits),
        findings=_majority(votes),
        steps=[("frontal (the release holds no other view)", images.ne(""))],
        evidence=lambda finding: _evidence(votes, finding),
        sources=tuple(sources),
        lists=lists,
    )


def _reader_votes(path: Path) -> pd.DataFrame:
    """Votes per image of the three readers, from one row an image and reader."""
    table = raw_tables.read(path, ["image_id", "rad_id", *FINDINGS])
    images = raw_tables.file_names(path, "image_id", table["image_id"])
    raw_tables.identifiers(path, "rad_id", table["rad_id"])
    again = table.duplicated(["image_id", "rad_id"])
    raw_tables.refuse(path, "rad_id", table["rad_id"], again, "each reader once an image")
    readers = images.map(images.value_counts())
    raw_tables.refuse(path, "image_id", images, readers.ne(READERS), f"{READERS} readers' rows")
    return _marks(path, table).groupby(images, sort=False).sum()


def _consensus_votes(path: Path) -> pd.DataFrame:
    """The test set's consensus, counted as three votes."""
    table = raw_tables.read(path, ["image_id", *FINDINGS])
    images = raw_tables.file_names(path, "image_id", table["image_id"])
    return _marks(path, table).set_index(pd.Index(images)) * READERS


def _marks(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for column in FINDINGS:
        values = raw_tables.numbers(path, column, table[column])
        raw_tables.refuse(path, column, table[column], ~values.isin([0, 1]), "0 or 1")
        columns[column] = values.astype(np.int8)
    return pd.DataFrame(columns, index=table.index)


def _kaggle_votes(path: Path) -> pd.DataFrame:
    """Votes per image from one row a box: a reader who drew any box of a class gave a vote."""
    table = raw_tables.read(path, ["image_id", "class_name", "rad_id"])
    images = raw_tables.file_names(path, "image_id", table["image_id"])
    raw_tables.identifiers(path, "rad_id", table["rad_id"])
    unknown = ~table["class_name"].isin(KAGGLE_CLASSES)
    raw_tables.refuse(path, "class_name", table["class_name"], unknown, "a class of the edition")
    readers = images.map(table["rad_id"].groupby(images).nunique())
    raw_tables.refuse(path, "image_id", images, readers.ne(READERS), f"{READERS} readers")
    boxes = table.drop_duplicates(["image_id", "class_name", "rad_id"])
    votes = pd.crosstab(boxes["image_id"], boxes["class_name"])
    # NaN marks what this edition never asked its readers.
    known = [name for name in FINDINGS if name in KAGGLE_CLASSES]
    votes = votes.reindex(columns=known, fill_value=0)
    return votes.reindex(columns=list(FINDINGS))


def _majority(votes: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for name, finding in FINDINGS.items():
        label = votes[name].ge(MAJORITY).astype(np.int8).mask(votes[name].isna(), UNKNOWN)
        known = columns.get(finding)
        columns[finding] = label if known is None else label.where(label.gt(known), known)
    return pd.DataFrame(columns).astype(np.int8)


def _evidence(votes: pd.DataFrame, finding: str) -> pd.Series:
    most = votes[[name for name, known in FINDINGS.items() if known == finding]].max(axis=1)
    counts = most.map(lambda count: "" if pd.isna(count) else f"{int(count)} of {READERS} readers")
    return counts.where(most.gt(0), "")


def _rows(prefix: str, images: pd.Series, splits: pd.Series) -> pd.DataFrame:
    folders = splits.where(splits.ne(""), "train")
    return pd.DataFrame(
        {
            "image_id": images,
            "image_path": prefix + folders + "/" + images + ".dicom",
            "patient_id": "",
            "study_id": images,
            "view": "PA",
            "age": float("nan"),
            "sex": "",
            "official_split": splits,
        }
    )
