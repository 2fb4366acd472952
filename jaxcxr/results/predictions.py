"""Read predictions: the parquet that `jaxcxr.predict` writes, or a CSV that any tool can write.

Both have the columns `label:NAME` (1, 0, and -1 or blank for unknown) and `logit:NAME`, or
`score:NAME` for a probability or any other score, for each label; and, optional in a CSV,
`image_id`, `patient_id`, `study_id`, `split`, `view`, `age`, `sex`, in any case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxcxr.errors import InputError, reading
from jaxcxr.provenance import parsed_origin
from jaxcxr.results.described import describe_images, headed, split_named
from jaxcxr.small_files import LARGEST

if TYPE_CHECKING:
    import pandas as pd

_TEXT = ("image_id", "patient_id", "study_id", "split", "view", "sex")


@dataclass(frozen=True)
class Predictions:
    """Labels and scores of some images, with what is known of each image.

    Attributes:
      path: the file.
      label_names: the labels, in the file's order.
      labels: `[images, labels]` int8; 1, 0, -1 unknown.
      scores: `[images, labels]`; logits, or what `score:NAME` held.
      are_logits: whether the scores are logits.
      image_id, patient_id, study_id, split, view, sex: `[images]` text, empty where unknown.
      age: `[images]` years, NaN where unknown.
      origin: what the file says of the run it came from; empty if nothing.
      names_images: whether the file does; else `image_id` is the number of the row.
      notes: what was taken for unknown, in sentences.
    """

    path: Path
    label_names: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    are_logits: bool
    image_id: np.ndarray
    patient_id: np.ndarray
    study_id: np.ndarray
    split: np.ndarray
    view: np.ndarray
    sex: np.ndarray
    age: np.ndarray
    origin: dict[str, Any]
    names_images: bool = True
    notes: tuple[str, ...] = ()

    def of_split(self, split: str) -> Predictions:
        """Keep the images of one split; InputError if it has none."""
        present = sorted(set(self.split.tolist()))
        chosen = self.split == split_named(split, present)
        if not chosen.any():
            raise InputError(
                f"no images of split '{split}' in {self.path}: it holds {', '.join(present)}; "
                "choose one with --split"
            )
        return self.at(np.flatnonzero(chosen))

    def at(self, rows: np.ndarray) -> Predictions:
        """Keep the images at `rows`, in that order."""
        arrays = ("labels", "scores", "age", *_TEXT)
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})

    def has(self, split: str) -> bool:
        """Whether any image is of this split."""
        return bool((self.split == split_named(split, sorted(set(self.split.tolist())))).any())

    @property
    def patients(self) -> np.ndarray | None:
        """Patient of each image, or None if the file names none."""
        return self.patient_id if (self.patient_id != "").all() else None

    @cached_property
    def patient_codes(self) -> np.ndarray | None:
        """Number of each image's patient, in the order of their names; comparing names is slow."""
        return None if self.patients is None else np.unique(self.patients, return_inverse=True)[1]

    @property
    def probabilities(self) -> np.ndarray | None:
        """`[images, labels]` in 0 to 1; None if the scores are neither logits nor in that range."""
        if self.are_logits:
            from scipy.special import expit

            return expit(self.scores.astype(np.float64))
        inside = ((self.scores >= 0) & (self.scores <= 1)).all()
        return self.scores.astype(np.float64) if inside else None


def read_predictions(path: str | Path) -> Predictions:
    """Read a `.parquet` or `.csv` file.

    Raises:
      InputError: the file is absent or unreadable, a column is missing, a label is not 1, 0 or -1,
        a score is not a finite number up to `LARGEST`, or what is said of the images cannot be
        (`jaxcxr.results.described`).
    """
    path = Path(path)
    table, origin = _read_table(path)
    table = headed(table, path)
    names = tuple(c.removeprefix("label:") for c in table.columns if c.startswith("label:"))
    if not names:
        raise InputError(
            f"no column label:NAME in {path}: it has {', '.join(map(str, table.columns[:8]))}; "
            "give each label a column label:NAME and a column logit:NAME or score:NAME"
        )
    if len(table) == 0:
        raise InputError(f"no rows in {path}: predict some images first")
    kind = "logit" if f"logit:{names[0]}" in table.columns else "score"
    return Predictions(
        path=path,
        label_names=names,
        labels=np.stack([_label_column(table, name, path) for name in names], axis=1),
        scores=np.stack([_number_column(table, f"{kind}:{name}", path) for name in names], axis=1),
        are_logits=kind == "logit",
        origin=origin,
        **describe_images(table, path),
    )


def _read_table(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    if not path.is_file():
        raise InputError(f"no file {path}: give the predictions file that jaxcxr.predict wrote")
    if path.suffix == ".parquet":
        from jaxcxr.parquet import read_parquet

        table = read_parquet(path, "a parquet file of predictions", "predict again")
        with reading(path, "a parquet file of predictions", "predict again"):
            frame = table.to_pandas()
        return frame, parsed_origin(table.schema.metadata or {}, path)
    if path.suffix == ".csv":
        from input_pipeline.tables.text_table import read_text

        return read_text(path), {}
    raise InputError(f"{path} is neither .parquet nor .csv: rename or convert it")


def _label_column(table: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    values = _numbers(table, f"label:{name}", path, blank=-1.0)
    bad = np.flatnonzero(~np.isin(values, (1, 0, -1)))
    if len(bad):
        raise InputError(
            f"label:{name} is {table[f'label:{name}'].iloc[bad[0]]} in row {bad[0] + 1} of "
            f"{path}: a label is 1, 0, or -1 for unknown"
        )
    return values.astype(np.int8)


def _number_column(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    values = _numbers(table, column, path, blank=np.nan)
    bad = np.flatnonzero(~(np.abs(values) <= LARGEST))  # NaN too
    if len(bad):
        cell = str(table[column].iloc[bad[0]]) or "blank"
        raise InputError(
            f"{column} is {cell} in row {bad[0] + 1} of {path} ({len(bad)} such rows): "
            f"every image needs a finite score, and one below {LARGEST:g}"
        )
    return values


def _numbers(table: pd.DataFrame, column: str, path: Path, blank: float) -> np.ndarray:
    import pandas as pd

    from input_pipeline.tables.ids import missing

    if column not in table.columns:
        raise InputError(f"no column {column} in {path}: every label:NAME needs its scores")
    cells = table[column]
    if pd.api.types.is_numeric_dtype(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=blank)
        return values.astype(np.float32) if cells.dtype == np.float32 else values
    text = cells.astype("string").fillna("").astype(object).str.strip()
    unknown = missing(text)
    values = pd.to_numeric(text.where(~unknown, str(blank)), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(np.isnan(values) & ~unknown.to_numpy())
    if len(bad):
        raise InputError(
            f"{column} is {text.iloc[bad[0]]!r} in row {bad[0] + 1} of {path}: expected a number"
        )
    return values
