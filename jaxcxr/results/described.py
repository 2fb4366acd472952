"""What a predictions file says of its images: whose they are, of which split, view, age and sex.

The columns are found and read by the same identifiers and vocabularies as a release's tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxcxr.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "image_id",
    ("patient_id", "subject_id"),
    "study_id",
    "split",
    "view",
    ("sex", "gender", "patient_sex"),
    ("age", "patient_age"),
)
KINDS = ("label", "logit", "score")


def headed(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table with its known columns under their names, whatever their case and blanks.

    Raises:
      InputError: two columns mean one thing, or one is nearly a known one.
    """
    from input_pipeline.tables.ids import key
    from input_pipeline.tables.raw_tables import named

    def of_label(column: Any) -> str:
        kind, colon, name = str(column).partition(":")
        known = kind.strip().lower()
        return f"{known}:{name.strip()}" if colon and known in KINDS else str(column)

    table = table.rename(columns=of_label)
    known: dict[str, str] = {}
    for column in table.columns:
        if column.partition(":")[0] not in KINDS:
            continue
        if key(column) in known:
            first = known[key(column)]
            raise InputError(f"{path} has two columns {first} and {column}: name a label once")
        known[key(column)] = column
    return named(table, path, (), COLUMNS)


def describe_images(table: pd.DataFrame, path: Path) -> dict[str, Any]:
    """The fields of `Predictions` that describe images; see there.

    Raises:
      InputError: an image stands twice, an identifier is damaged or spelled in two ways, only some
        images have a patient or split, or a sex or age is none.
    """
    from input_pipeline.tables import codes, ids

    images = _images(table, path)
    patients = _patients(_text(table, "patient_id"), images, path)
    sexes = codes.sexes(_text(table, "sex"), str(path), "sex", row=1)
    ages = _ages(table, path)
    views = codes.views(_text(table, "view"))
    ids.refuse_alike(views, f"{path} column view", named=images, row=1)
    found = {
        "image_id": images,
        "patient_id": patients,
        "study_id": _studies(_text(table, "study_id"), images, path),
        "split": _splits(table, images, path),
        "view": views,
        "sex": sexes,
    }
    return {
        **{name: cells.to_numpy(dtype=str) for name, cells in found.items()},
        "age": ages.years.to_numpy(dtype=np.float64),
        "names_images": "image_id" in table,
        "notes": tuple(filter(None, [ages.note])),
    }


def _text(table: pd.DataFrame, column: str) -> pd.Series:
    """A column's cells without blanks around them; empty where the column is absent."""
    import pandas as pd

    if column not in table:
        return pd.Series("", index=table.index, dtype=object)
    return table[column].astype("string").fillna("").astype(object).str.strip()


def _images(table: pd.DataFrame, path: Path) -> pd.Series:
    import pandas as pd

    from input_pipeline.tables import ids

    if "image_id" not in table:
        return pd.Series([str(row + 1) for row in range(len(table))], index=table.index)
    cells = _text(table, "image_id")
    times = cells.value_counts()
    if times.iloc[0] > 1 and times.index[0] != "":
        raise InputError(
            f"image '{times.index[0]}' stands {times.iloc[0]} times in {path}: each image once"
        )
    return ids.check(cells, str(path), "image_id", row=1)


def _patients(cells: pd.Series, images: pd.Series, path: Path) -> pd.Series:
    """All images' patients, or none's; where each is only the image's name, none is named."""
    from input_pipeline.tables import ids

    unnamed = ids.nobody(cells)
    if unnamed.all():
        return cells.where(~unnamed, "")
    if unnamed.any():
        raise InputError(
            f"{int(unnamed.sum())} of {len(cells)} images in {path} have no patient_id: "
            "give all images one, or none"
        )
    cells = ids.check(cells, str(path), "patient_id", images=images, row=1)
    return ids.named_patients(cells, images)


def _studies(cells: pd.Series, images: pd.Series, path: Path) -> pd.Series:
    """Each image's study; empty where none is named."""
    from input_pipeline.tables import ids

    unnamed = ids.nobody(cells)
    if unnamed.all():
        return cells.where(~unnamed, "")
    named = ids.check(cells.where(~unnamed, images), str(path), "study_id", row=1)
    return named.where(~unnamed, "")


def _splits(table: pd.DataFrame, images: pd.Series, path: Path) -> pd.Series:
    """Each image's split; `test` for all where the file tells none."""
    from input_pipeline.tables import codes, ids

    cells = _text(table, "split")
    if "split" not in table:
        return cells.where(cells.ne(""), "test")
    blank = ids.missing(cells)
    if blank.any():
        raise InputError(
            f"{int(blank.sum())} of {len(cells)} images in {path} have no split: give all images "
            "one, or leave the column out"
        )
    found = codes.translate(cells, codes.SPLITS)
    found = found.where(found.notna(), cells).astype(str)
    ids.refuse_alike(found, f"{path} column split", named=images, row=1)
    return found


def _ages(table: pd.DataFrame, path: Path) -> Any:
    import pandas as pd

    from input_pipeline.tables import codes

    if "age" in table and pd.api.types.is_numeric_dtype(table["age"]):
        return codes.plausible(table["age"].astype("float64"))
    return codes.ages(_text(table, "age"), str(path), "age", row=1)


def split_named(split: str, present: Sequence[str]) -> str:
    """The split that is asked for, under the spelling that the file has."""
    from input_pipeline.tables import ids

    return next((one for one in present if ids.key(one) == ids.key(split)), split)
