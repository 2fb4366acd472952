"""VinDr-PCXR 1.0.0: 9,125 frontal radiographs of children under ten, each read by one radiologist.

Layout: `image_labels_train.csv` and `image_labels_test.csv` (or both in `annotations/`) beside
`train/` and `test/` of `<image_id>.dicom`. Neither patients nor ages are in the tables. The
publisher spells three headings in ways of its own, which are read as they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import UNKNOWN, LabelRule
from input_pipeline.tables import raw_tables

SPLITS = ("train", "test")
# The publisher's headings; other spellings of some, as copies may have them.
DISEASES = (
    "No finding",
    "Bronchitis",
    "Brocho-pneumonia",
    "Bronchiolitis",
    "Pneumonia",
    "Other disease",
)
RARE = (  # 19 training images or fewer each
    "Situs inversus",
    "Pleuro-pneumonia",
    "Diagphramatic hernia",
    "Tuberculosis",
    "Congenital emphysema",
    "CPAM",
    "Hyaline membrane disease",
    "Mediastinal tumor",
    "Lung tumor",
)
SPELLED = {
    "Brocho-pneumonia": ("Broncho-pneumonia",),
    "Diagphramatic hernia": ("Diaphragmatic hernia",),
    "Other disease": ("Other diseases",),
}
FINDINGS = {
    "no_finding": ("No finding",),
    "pneumonia": ("Pneumonia",),
    "bronchitis_bronchiolitis": ("Bronchitis", "Bronchiolitis"),
    "bronchitis": ("Bronchitis",),
    "bronchiolitis": ("Bronchiolitis",),
    "bronchopneumonia": ("Brocho-pneumonia",),
    "pleuropneumonia": ("Pleuro-pneumonia",),
    "tuberculosis": ("Tuberculosis",),
    "lung_tumor": ("Lung tumor",),
    "mediastinal_tumor": ("Mediastinal tumor",),
    "congenital_emphysema": ("Congenital emphysema",),
    "cpam": ("CPAM",),
    "hyaline_membrane_disease": ("Hyaline membrane disease",),
    "diaphragmatic_hernia": ("Diagphramatic hernia",),
    "situs_inversus": ("Situs inversus",),
}
# A broncho-pneumonia is a pneumonia, whatever column it has.
CURATED = FINDINGS | {"pneumonia": ("Pneumonia", "Brocho-pneumonia", "Pleuro-pneumonia")}


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`."""
    names = {split: f"image_labels_{split}.csv" for split in SPLITS}
    paths = {"train": raw_tables.require(raw_dir, [names["train"]])}
    if (test := raw_tables.find(raw_dir, [names["test"]])) is not None:
        paths["test"] = test
    parts = [_read_part(raw_dir, path, split) for split, path in paths.items()]
    rows = pd.concat([part[0] for part in parts], ignore_index=True)
    marks = pd.concat([part[1] for part in parts], ignore_index=True)
    columns = CURATED if rule.name == "curated" else FINDINGS
    return Release(
        rows=rows,
        findings=_findings(marks, columns),
        steps=[("frontal (the release holds no other view)", rows["image_id"].ne(""))],
        evidence=lambda finding: _evidence(marks, columns[finding]),
        sources=tuple(paths.values()),
        lists=" and ".join(names.values()),
    )


def _read_part(raw_dir: Path, path: Path, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One table's images, and its marks: 1, 0, and -1 where the table lacks a rare disease."""
    wanted = [(name, *SPELLED.get(name, ())) for name in DISEASES]
    rare = [(name, *SPELLED.get(name, ())) for name in RARE]
    table = raw_tables.read(path, ["image_id", *wanted], ["rad_id", *rare])
    images = raw_tables.file_names(path, "image_id", table["image_id"])
    raw_tables.refuse(path, "image_id", images, images.duplicated(), "each image once")
    marks = {}
    for name in (*DISEASES, *RARE):
        if name not in table:
            marks[name] = pd.Series(UNKNOWN, index=table.index, dtype=np.int8)
            continue
        values = raw_tables.numbers(path, name, table[name])
        raw_tables.refuse(path, name, table[name], ~values.isin([0, 1]), "0 or 1")
        marks[name] = values.astype(np.int8)
    found = pd.DataFrame(marks)
    # The one thing that its labels cannot say at once.
    both = found["No finding"].eq(1) & found.drop(columns="No finding").eq(1).any(axis=1)
    raw_tables.refuse(path, "No finding", images, both, "a finding or none, not both, of the image")
    return _rows(raw_tables.prefix(raw_dir, _base(raw_dir, path)), images, split), found


def _base(raw_dir: Path, path: Path) -> Path:
    """The folder that holds `train/` and `test/`."""
    beside = any((path.parent / split).is_dir() for split in SPLITS)
    return path.parent if beside or path.parent == raw_dir else path.parent.parent


def _findings(marks: pd.DataFrame, columns: dict[str, tuple[str, ...]]) -> pd.DataFrame:
    """Positive if any of a finding's columns is; else unknown if any is."""
    found = {}
    for finding, names in columns.items():
        several = marks[list(names)]
        value = several.min(axis=1).clip(upper=0)
        found[finding] = value.mask(several.eq(1).any(axis=1), 1).astype(np.int8)
    return pd.DataFrame(found)


def _evidence(marks: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    told = [marks[name].eq(1).map({True: name, False: ""}) for name in names]
    rows = zip(*told, strict=True)
    return pd.Series([", ".join(filter(None, row)) for row in rows], index=marks.index, dtype=str)


def _rows(prefix: str, images: pd.Series, split: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": images,
            "image_path": f"{prefix}{split}/" + images + ".dicom",
            "patient_id": "",
            "study_id": images,
            "view": "Frontal",
            "age": float("nan"),
            "sex": "",
            "official_split": split,
        }
    )
