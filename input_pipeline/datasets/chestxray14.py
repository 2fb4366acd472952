"""NIH ChestX-ray14: 112,120 radiographs, pipe-separated findings, official split by patient.

Layout: `Data_Entry_2017_v2020.csv` (or the older `Data_Entry_2017.csv`), `train_val_list.txt`,
`test_list.txt`, and the images in `images_001/images` … `images_012/images` or in one folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.datasets import tables
from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import LabelRule
from jaxcxr.errors import InputError

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
COLUMNS = (
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "View Position",
)
LISTS = {"train": "train_val_list.txt", "test": "test_list.txt"}
FINDINGS = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Effusion": "pleural_effusion",
    "Emphysema": "emphysema",
    "Fibrosis": "pulmonary_fibrosis",
    "Hernia": "hernia",
    "Infiltration": "infiltrates",
    "Mass": "mass",
    "No Finding": "no_finding",
    "Nodule": "nodule",
    "Pleural_Thickening": "pleural_thickening",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
}
AGE_UNITS = {"Y": 1.0, "M": 1 / 12, "D": 1 / 365.25}


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`. Both label rules agree: every image is kept as labelled."""
    path = tables.require(raw_dir, TABLES)
    table = tables.read(path, COLUMNS)
    findings = _findings(path, table["Finding Labels"])
    return Release(
        rows=_rows(raw_dir, path, table),
        findings=findings,
        steps=[("frontal (the release holds no other view)", table["View Position"].ne(""))],
        evidence=lambda finding: table["Finding Labels"].where(findings[finding] == 1, ""),
        sources=(path, *_lists(raw_dir).values()),
        lists=" and ".join(LISTS.values()),
    )


def _findings(path: Path, cells: pd.Series) -> pd.DataFrame:
    items = {cell: frozenset(cell.split("|")) for cell in cells.unique()}
    wrong = {cell for cell, names in items.items() if not names <= FINDINGS.keys()}
    tables.refuse(path, "Finding Labels", cells, cells.isin(wrong), "names of findings, | between")
    both = {cell for cell, names in items.items() if "No Finding" in names and len(names) > 1}
    tables.refuse(path, "Finding Labels", cells, cells.isin(both), "No Finding or findings")
    columns = {
        finding: cells.map({cell: name in names for cell, names in items.items()}).astype(np.int8)
        for name, finding in FINDINGS.items()
    }
    columns["nodule_mass"] = columns["nodule"] | columns["mass"]
    return pd.DataFrame(columns)


def _rows(raw_dir: Path, path: Path, table: pd.DataFrame) -> pd.DataFrame:
    sex_column = next((name for name in table if name in ("Patient Gender", "Patient Sex")), None)
    if sex_column is None:
        raise InputError(f"{path} lacks the column Patient Gender (or Patient Sex)")
    names = tables.file_names(path, "Image Index", table["Image Index"])
    patients = tables.identifiers(path, "Patient ID", table["Patient ID"])
    return pd.DataFrame(
        {
            "image_id": names,
            "image_path": _image_paths(raw_dir, names),
            "patient_id": patients,
            "study_id": patients + "_" + table["Follow-up #"],
            "view": table["View Position"],
            "age": _ages(path, table["Patient Age"]),
            "sex": tables.sexes(table[sex_column]),
            "official_split": _official(raw_dir, names),
        }
    )


def _ages(path: Path, cells: pd.Series) -> pd.Series:
    """Years: `58`, or `058Y`, `011M`, `003D` as in the oldest copies."""
    unit = cells.str[-1:].str.upper()
    with_unit = unit.isin(list(AGE_UNITS))
    count = tables.numbers(path, "Patient Age", cells.where(~with_unit, cells.str[:-1]))
    return tables.plausible_ages(count * unit.map(AGE_UNITS).where(with_unit, 1.0))


def _lists(raw_dir: Path) -> dict[str, Path]:
    found = {split: tables.find(raw_dir, [file]) for split, file in LISTS.items()}
    return {split: path for split, path in found.items() if path is not None}


def _official(raw_dir: Path, names: pd.Series) -> pd.Series:
    """`train`, `test`, or empty for images on neither list or where there are no lists."""
    split = pd.Series("", index=names.index)
    for name, path in _lists(raw_dir).items():
        listed = names.isin(_lines(path))
        if (twice := listed & split.ne("")).any():
            raise InputError(f"image {names[twice].iloc[0]} is on both official lists; see {path}")
        split[listed] = name
    return split


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a readable list of image names: {error}") from error


def _image_paths(raw_dir: Path, names: pd.Series) -> pd.Series:
    """Where each image lies: numbered folders, one folder, or beside the table."""
    places: dict[str, str] = {}
    for folder in sorted(raw_dir.glob("images_*")):
        inner = folder / "images" if (folder / "images").is_dir() else folder
        for file in inner.glob("*.png"):
            places[file.name] = file.relative_to(raw_dir).as_posix()
    flat = "" if (raw_dir / names.iloc[0]).is_file() else "images/"
    return names.map(lambda name: places.get(name, flat + name))
