"""CheXpert v1.0, small and full: 223,414 training radiographs and the radiologists' sets.

Layout: `train.csv`, `valid.csv` and perhaps `test.csv` (no age, sex or view) beside the folders of
JPEG files they name, with or without a leading `CheXpert-v1.0[-small]/` in the path.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from input_pipeline.datasets import chexpert_labels, tables
from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import LabelRule

TABLES = {"train.csv": "train", "valid.csv": "validation", "test.csv": "test"}
PERSONAL = ("Sex", "Age", "Frontal/Lateral", "AP/PA")
# The study dropped images uncertain in these five; with that its counts come out exactly.
DROPPED_BY_STUDY = ("cardiomegaly", "lung_opacity", "lung_lesion", "pneumonia", "edema")
_PLACE = re.compile(
    r"(?:^|/)(?P<name>(?:train|valid|test)/(?P<patient>patient\d+)/(?P<study>study\d+)"
    r"/view\d+_(?P<side>frontal|lateral)\.jpg)$"
)


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`."""
    train = tables.require(raw_dir, ["train.csv"])
    found = {split: tables.beside(train, name) for name, split in TABLES.items()}
    sources = {split: path for split, path in found.items() if path is not None}
    parts = [_read_part(raw_dir, path, split) for split, path in sources.items()]
    rows = pd.concat([part[0] for part in parts], ignore_index=True)
    marks = pd.concat([part[1] for part in parts], ignore_index=True)
    frontal = rows.pop("side").eq("Frontal")
    steps = [("frontal", frontal)]
    if (step := chexpert_labels.certain(marks, rule, DROPPED_BY_STUDY)) is not None:
        steps.append(step)
    return Release(
        rows=rows,
        findings=chexpert_labels.findings(marks, rule),
        steps=steps,
        evidence=lambda finding: chexpert_labels.evidence(marks, finding),
        sources=tuple(sources.values()),
        lists=", ".join(TABLES),
    )


def _read_part(raw_dir: Path, path: Path, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    personal = () if split == "test" else PERSONAL
    table = tables.read(path, ["Path", *personal, *chexpert_labels.COLUMNS])
    cells = tables.relative_paths(path, "Path", table["Path"])
    places = cells.str.extract(_PLACE)
    names = places["name"]
    wanted = "…/patient00001/study1/view1_frontal.jpg"
    tables.refuse(path, "Path", cells, names.isna(), wanted)
    sides = places["side"].str.capitalize()
    if split != "test":
        sides = table["Frontal/Lateral"]
        odd = ~sides.isin(["Frontal", "Lateral"])
        tables.refuse(path, "Frontal/Lateral", sides, odd, "Frontal or Lateral")
    rows = pd.DataFrame(
        {
            "image_id": names,
            "image_path": _image_paths(raw_dir, path, cells, names),
            "patient_id": places["patient"],
            "study_id": places["patient"] + "/" + places["study"],
            "view": table["AP/PA"].where(table["AP/PA"].ne(""), sides) if personal else sides,
            "age": float("nan"),
            "sex": "",
            "official_split": split,
            "side": sides,
        }
    )
    if personal:
        ages = tables.plausible_ages(tables.numbers(path, "Age", table["Age"]))
        # Everybody is an adult in this release: the three ages of 0 are unknown ages.
        rows["age"] = ages.where(ages.gt(0))
        rows["sex"] = tables.sexes(table["Sex"])
    return rows, chexpert_labels.marks(path, table)


def _image_paths(raw_dir: Path, path: Path, cells: pd.Series, names: pd.Series) -> pd.Series:
    """The table's paths as they are, or without their leading folder, whichever has the images."""
    base = path.parent
    for place in (base, base.parent):
        for candidates in (names, cells):
            if place.is_relative_to(raw_dir) and (place / candidates.iloc[0]).is_file():
                return tables.prefix(raw_dir, place) + candidates
    return tables.prefix(raw_dir, base) + names
