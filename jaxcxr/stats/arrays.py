"""What labels, scores and groups have to look like before anything is computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

UNKNOWN = -1


@dataclass(frozen=True)
class Columns:
    """Checked labels and scores, one column a label.

    Attributes:
      labels: `[images, labels]` int8; 1 positive, 0 negative, -1 unknown (left out of its label).
      scores: `[models, images, labels]`, finite, larger means more likely positive.
      several_models: whether the scores came with an axis of models, so that results keep it.
    """

    labels: np.ndarray
    scores: np.ndarray
    several_models: bool

    @property
    def positives(self) -> np.ndarray:
        """How many images are positive, `[labels]`."""
        return np.sum(self.labels == 1, axis=0)

    @property
    def negatives(self) -> np.ndarray:
        """How many images are negative, `[labels]`."""
        return np.sum(self.labels == 0, axis=0)


def check_columns(labels: Any, scores: Any) -> Columns:
    """Check labels `[images, labels]` and scores `[images, labels]` or `[models, images, labels]`.

    One-dimensional labels and scores `[images]` are taken as a single label.

    Raises:
      ValueError: shapes that do not match, labels other than 1, 0 and -1, scores that are not
        finite, or no image at all.
    """
    label_array = check_labels(labels)
    score_array = np.asarray(scores)
    if label_array.ndim == 1 and score_array.shape[-1:] == label_array.shape:
        label_array, score_array = label_array[:, None], score_array[..., None]
    several_models = score_array.ndim == 3
    if score_array.ndim == 2:
        score_array = score_array[None]
    if label_array.ndim != 2 or score_array.ndim != 3 or score_array.shape[1:] != label_array.shape:
        raise ValueError(
            f"labels {np.shape(labels)} and scores {np.shape(scores)} do not match: "
            "expected [images, labels] and [images, labels] or [models, images, labels]"
        )
    return Columns(label_array, check_scores(score_array), several_models)


def check_labels(labels: Any) -> np.ndarray:
    """Give labels as int8; raise ValueError unless each is 1, 0 or -1 and there is at least one."""
    array = np.asarray(labels)
    if array.size == 0:
        raise ValueError("no images: labels are empty")
    if array.dtype.kind not in "biuf" or not np.isin(array, (1, 0, UNKNOWN)).all():
        raise ValueError("labels must be 1 (positive), 0 (negative) or -1 (unknown)")
    return array.astype(np.int8)


def check_scores(scores: Any) -> np.ndarray:
    """Give scores as floating point; raise ValueError where one is NaN or infinite."""
    array = np.asarray(scores)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"scores must be numbers, not {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of {array.size} scores are NaN or infinite, the first at index "
            f"{tuple(int(i) for i in bad[0])}"
        )
    return array


def group_codes(groups: Any, images: int) -> tuple[np.ndarray, int]:
    """Number the groups 0, 1, ... in the sorted order of their names.

    Returns:
      The number of each image's group, `[images]`, and how many groups there are.

    Raises:
      ValueError: not one name an image, or a missing name (None, NaN or empty).
    """
    names = np.asarray(groups)
    if names.shape != (images,):
        raise ValueError(f"groups {names.shape} must be one name for each of {images} images")
    if names.dtype.kind == "O":
        names = np.array(["" if _missing(name) else str(name) for name in names])
    if names.dtype.kind == "f" and np.isnan(names).any():
        raise ValueError("groups must not be missing: found NaN")
    if names.dtype.kind in "US" and (np.char.str_len(names) == 0).any():
        raise ValueError("groups must not be missing: found an empty name")
    unique, codes = np.unique(names, return_inverse=True)
    return codes.astype(np.int32), len(unique)


def _missing(name: Any) -> bool:
    return name is None or (isinstance(name, float) and np.isnan(name))
