"""Read predictions: the parquet that `jaxcxr.predict` writes, or a CSV that any tool can write.

Both have the columns `label:NAME` (1, 0, and -1 or blank for unknown) and `logit:NAME`, or
`score:NAME` for a probability or any other score, for each label; and, optional in a CSV,
`image_id`, `patient_id`, `split`, `view`, `age`, `sex`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxcxr.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

ORIGIN_KEY = b"jaxcxr"
_TEXT = ("image_id", "patient_id", "split", "view", "sex")


@dataclass(frozen=True)
class Predictions:
    """Labels and scores of some images, with what is known of each image.

    Attributes:
      path: the file.
      label_names: the labels, in the file's order.
      labels: `[images, labels]` int8; 1, 0, -1 unknown.
      scores: `[images, labels]`; logits, or what `score:NAME` held.
      are_logits: whether the scores are logits.
      image_id, patient_id, split, view, sex: `[images]` text, empty where unknown.
      age: `[images]` years, NaN where unknown.
      origin: what the file says of the run it came from; empty if nothing.
    """

    path: Path
    label_names: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    are_logits: bool
    image_id: np.ndarray
    patient_id: np.ndarray
    split: np.ndarray
    view: np.ndarray
    sex: np.ndarray
    age: np.ndarray
    origin: dict[str, Any]

    def of_split(self, split: str) -> Predictions:
        """Keep the images of one split; InputError if it has none."""
        chosen = self.split == split
        if not chosen.any():
            present = ", ".join(sorted(set(self.split.tolist())))
            raise InputError(
                f"no images of split '{split}' in {self.path}: it holds {present}; "
                "choose one with --split"
            )
        return self.at(np.flatnonzero(chosen))

    def at(self, rows: np.ndarray) -> Predictions:
        """Keep the images at `rows`, in that order."""
        arrays = ("labels", "scores", "age", *_TEXT)
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})

    def has(self, split: str) -> bool:
        """Whether any image is of this split."""
        return bool((self.split == split).any())

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
        a score is not a finite number, an image stands twice, or only some images have a patient.
    """
    path = Path(path)
    table, origin = _read_table(path)
    names = tuple(c.removeprefix("label:") for c in table.columns if c.startswith("label:"))
    if not names:
        raise InputError(
            f"no column label:NAME in {path}: it has {', '.join(map(str, table.columns[:8]))}; "
            "give each label a column label:NAME and a column logit:NAME or score:NAME"
        )
    if len(table) == 0:
        raise InputError(f"no rows in {path}: predict some images first")
    kind = "logit" if f"logit:{names[0]}" in table.columns else "score"
    predictions = Predictions(
        path=path,
        label_names=names,
        labels=np.stack([_label_column(table, name, path) for name in names], axis=1),
        scores=np.stack([_number_column(table, f"{kind}:{name}", path) for name in names], axis=1),
        are_logits=kind == "logit",
        age=_age_column(table, path),
        origin=origin,
        **{name: _text_column(table, name) for name in _TEXT},
    )
    return _check_images(predictions)


def _read_table(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    import pandas as pd

    if not path.is_file():
        raise InputError(f"no file {path}: give the predictions file that jaxcxr.predict wrote")
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} is not a readable parquet file: {error}") from None
        return table.to_pandas(), _origin(table.schema.metadata or {}, path)
    if path.suffix == ".csv":
        try:
            # Identifiers keep their leading zeros only as text.
            text = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise InputError(f"{path} is not a readable CSV: {error}") from None
        return text, {}
    raise InputError(f"{path} is neither .parquet nor .csv: rename or convert it")


def _origin(metadata: dict[bytes, bytes], path: Path) -> dict[str, Any]:
    try:
        origin = json.loads(metadata.get(ORIGIN_KEY, b"{}"))
    except ValueError:
        raise InputError(f"the 'jaxcxr' metadata of {path} is not JSON: write it again") from None
    return origin if isinstance(origin, dict) else {"origin": origin}


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
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        cell = str(table[column].iloc[bad[0]]) or "blank"
        raise InputError(
            f"{column} is {cell} in row {bad[0] + 1} of {path} ({len(bad)} such rows): "
            "every image needs a finite score"
        )
    return values


def _age_column(table: pd.DataFrame, path: Path) -> np.ndarray:
    if "age" not in table.columns:
        return np.full(len(table), np.nan)
    return _numbers(table, "age", path, blank=np.nan).astype(np.float64)


def _numbers(table: pd.DataFrame, column: str, path: Path, blank: float) -> np.ndarray:
    import pandas as pd

    if column not in table.columns:
        raise InputError(f"no column {column} in {path}: every label:NAME needs its scores")
    cells = table[column]
    if pd.api.types.is_numeric_dtype(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=blank)
        return values.astype(np.float32) if cells.dtype == np.float32 else values
    text = cells.fillna("").astype(str).str.strip()
    values = pd.to_numeric(text.where(text != "", str(blank)), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(np.isnan(values) & (text != "").to_numpy() & (text.str.lower() != "nan"))
    if len(bad):
        raise InputError(
            f"{column} is {text.iloc[bad[0]]!r} in row {bad[0] + 1} of {path}: expected a number"
        )
    return values


def _text_column(table: pd.DataFrame, column: str) -> np.ndarray:
    if column in table.columns:
        return table[column].astype("string").fillna("").to_numpy(dtype=str)
    if column == "image_id":
        return np.array([str(row + 1) for row in range(len(table))])
    return np.full(len(table), "test" if column == "split" else "")


def _check_images(predictions: Predictions) -> Predictions:
    ids, times = np.unique(predictions.image_id, return_counts=True)
    if (times > 1).any():
        raise InputError(
            f"image '{ids[times > 1][0]}' stands {times.max()} times in {predictions.path}: "
            "each image once"
        )
    without = int((predictions.patient_id == "").sum())
    if 0 < without < len(ids):
        raise InputError(
            f"{without} of {len(ids)} images in {predictions.path} have no patient_id: "
            "give all images one, or none"
        )
    return predictions
