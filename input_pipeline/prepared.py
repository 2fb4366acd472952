"""A prepared dataset, opened: its records, its labels, and what it is."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.builder import PROGRESS
from input_pipeline.cohort_file import read_cohort
from input_pipeline.identity import PIXELS, Identity, differences, identify
from input_pipeline.images import digests_in_shards
from input_pipeline.tables.ids import named_patients
from jaxcxr.errors import InputError, reading
from jaxcxr.parquet import read_parquet

MOST_YEARS = 1000  # of age: no reader gives more, and single precision may not hold what is more


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset.

    Attributes:
      path: its directory.
      dataset: name, as `padchest`.
      labels: names, in the order of the stored label vectors.
      image_size: side of the images, pixels.
      cohort: `cohort.json`.
    """

    path: Path
    dataset: str
    labels: tuple[str, ...]
    image_size: int
    cohort: dict[str, Any]

    @cached_property
    def _stored(self) -> pd.DataFrame:
        """All records, which are the ones that `cohort.json` was written for."""
        records = read_records(self.path / "records.parquet", self.labels)
        recorded = self.cohort.get("identity")
        if recorded is not None:
            pixels = records[PIXELS].astype(str) if PIXELS in records else [""] * len(records)
            found = identify(records, self.cohort, self.labels, list(pixels))
            if found != recorded:
                raise InputError(
                    f"{self.path}: cohort.json and records.parquet are not of one preparation, or "
                    f"were changed after it: {differences(recorded, found)}; prepare again"
                )
        return records

    @cached_property
    def _records(self) -> pd.DataFrame:
        # Once the images of a release that names no patients were called patients.
        patients = named_patients(self._stored["patient_id"], self._stored["image_id"])
        return self._stored.assign(patient_id=patients)

    @cached_property
    def identity(self) -> Identity:
        """Digests of the content, see `input_pipeline.identity`.

        A dataset of before they were kept is read once, all images; its preparation's command, run
        again, keeps them.
        """
        if "identity" in self.cohort:
            _ = self._stored  # are compared with it when they are read
            return dict(self.cohort["identity"])
        return identify(self._stored, self.cohort, self.labels, self.pixels)

    @cached_property
    def pixels(self) -> list[str]:
        """The digest of each image, in the order of all records; read if none are recorded."""
        if PIXELS in self._records:
            return self._records[PIXELS].astype(str).tolist()
        found = {name: iter(digests_in_shards(self, name)) for name in self.splits}
        return [next(found[name]) for name in self._records["split"]]

    def pixels_of(self, split: str) -> list[str]:
        """The digest of each image of a split."""
        pairs = zip(self.pixels, self._records["split"], strict=True)
        return [digest for digest, name in pairs if name == split]

    @property
    def knows_pixels(self) -> bool:
        """Whether the records hold the digests, so that images can be compared with them."""
        return PIXELS in self._records

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that hold images, in the order of the records."""
        return tuple(self._records["split"].unique())

    def records(self, split: str) -> pd.DataFrame:
        """Return ids, view, age, sex and labels of a split, in the order of its images.

        The same frame each time, not a copy: leave it as it is.
        """
        if split not in self._by_split:
            chosen = self._records[self._records["split"] == split].reset_index(drop=True)
            self._by_split[split] = chosen.drop(columns=PIXELS, errors="ignore")
        return self._by_split[split]

    @cached_property
    def _by_split(self) -> dict[str, pd.DataFrame]:
        return {}

    def columns(self, labels: Sequence[str] | None) -> np.ndarray:
        """Return the places of labels in the stored vectors.

        Raises:
          InputError: a label is not in the dataset; the message names the nearest.
        """
        names = self.labels if labels is None else labels
        for name in names:
            if name not in self.labels:
                close = difflib.get_close_matches(name, self.labels, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise InputError(
                    f"{self.path}: has no label {name!r}{hint}; it has {', '.join(self.labels)}"
                )
        return np.array([self.labels.index(name) for name in names])


def open_prepared(path: str | Path) -> Prepared:
    """Open a prepared dataset.

    Raises:
      InputError: there is none, or its preparation was not finished.
    """
    path = Path(path)
    if not (path / "cohort.json").is_file():
        reason = (
            "its preparation was not finished; run the same command again"
            if (path / PROGRESS).is_dir()
            else "python -m input_pipeline prepare makes one"
        )
        raise InputError(f"{path}: no prepared dataset there; {reason}")
    cohort = read_cohort(path)
    return Prepared(path, cohort["dataset"], tuple(cohort["labels"]), cohort["image_size"], cohort)


def read_records(path: Path, labels: Sequence[str]) -> pd.DataFrame:
    """Read `records.parquet`, with the columns that `cohort.json` beside it speaks of.

    Raises:
      InputError: it is missing, damaged, or of another preparation.
    """
    table = read_parquet(path, "the records of a prepared dataset", "prepare again")
    with reading(path, "the records of a prepared dataset", "prepare again"):
        records = table.to_pandas()
    needed = ("image_id", "patient_id", "study_id", "split", "view", "age", "sex", *labels)
    if absent := [name for name in needed if name not in records]:
        raise InputError(
            f"{path}: has no column {', '.join(absent)}, which cohort.json beside it speaks of; "
            "they are not of one preparation; prepare again"
        )
    with reading(path, "the records of a prepared dataset", "prepare again"):
        possible = records["age"].isna() | records["age"].between(0, MOST_YEARS)
    if not possible.all():
        age = records["age"][~possible].iloc[0]
        raise InputError(f"{path}: damaged (an age of {age:g} years); prepare again")
    return records
