"""Where CheXpert's images lie: the small edition, the merged full one, or its four batches.

The full download has its own folders: `CheXpert-v1.0 batch 1 (validate & csv)` with the tables and
`valid/`, and `CheXpert-v1.0 batch 2 (train 1)` to `batch 4 (train 3)` with a folder a patient.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from input_pipeline.tables import raw_tables
from jaxcxr.errors import InputError

BATCHES = "CheXpert-v1.0 batch * (train *)"
TABLES_BATCH = "CheXpert-v1.0 batch 1"
INSIDE = ("", "train", "CheXpert-v1.0/train")  # of a batch, as it was unpacked


def image_paths(raw_dir: Path, path: Path, cells: pd.Series, names: pd.Series) -> pd.Series:
    """Each image's path under `raw_dir`.

    Args:
        raw_dir: the release.
        path: of the table.
        cells: its paths, with or without a leading folder.
        names: the same from `train/`, `valid/` or `test/` on.

    Raises:
        InputError: if the table lies in its batch and the folder given holds no other batch.
    """
    base = path.parent
    for place in (base, base.parent):
        for candidates in (names, cells):
            if place.is_relative_to(raw_dir) and (place / candidates.iloc[0]).is_file():
                return raw_tables.prefix(raw_dir, place) + candidates
    if names.str.startswith("train/").all():
        if homes := _homes(raw_dir):
            patients = names.str.split("/").str[1]
            found = patients.map(homes)
            inside = found + names.str.removeprefix("train/")
            return inside.where(found.notna(), raw_tables.prefix(raw_dir, base) + names)
        if base == raw_dir and base.name.startswith(TABLES_BATCH):
            raise InputError(
                f"{raw_dir} holds the tables and not the training images; give the folder that "
                f"holds it and the folders {BATCHES}"
            )
    return raw_tables.prefix(raw_dir, base) + names


def _homes(raw_dir: Path) -> dict[str, str]:
    """The folder of each patient's folder, by the patient, where the batches are not merged."""
    homes: dict[str, str] = {}
    for batch in sorted(raw_dir.glob(BATCHES)):
        for inner in INSIDE:
            for folder in (batch / inner).glob("patient*"):
                home = raw_tables.prefix(raw_dir, folder.parent)
                if homes.setdefault(folder.name, home) != home:
                    raise InputError(
                        f"{folder} is in {homes[folder.name]} too; keep one of the two folders"
                    )
    return homes
