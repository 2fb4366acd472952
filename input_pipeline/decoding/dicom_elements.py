"""The values of a DICOM element as numbers and words, or a sentence on what is wrong with it."""

from __future__ import annotations

import math
from typing import Any

from pydicom import Dataset

from input_pipeline.decoding.image_errors import UnreadableImageError


def values(dataset: Dataset, name: str) -> list[Any]:
    """The values of an element; none where it is absent or empty.

    Raises:
      UnreadableImageError: it holds something that its type does not allow.
    """
    try:
        value = dataset.get(name)
    except Exception:  # pydicom reads a value when it is asked for, and raises what it stumbles on
        raise UnreadableImageError(f"DICOM: {name} cannot be read") from None
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) or hasattr(value, "append") else [value]


def single(dataset: Dataset, name: str) -> Any:
    """The one value of an element, or None where it is absent or empty.

    Raises:
      UnreadableImageError: it has several.
    """
    found = values(dataset, name)
    if len(found) > 1:
        raise UnreadableImageError(f"DICOM: {name} has {len(found)} values instead of one")
    return found[0] if found else None


def needed(dataset: Dataset, name: str) -> Any:
    """The one value of an element that every image has.

    Raises:
      UnreadableImageError: it has none, or several.
    """
    value = single(dataset, name)
    if value is None:
        raise UnreadableImageError(f"DICOM: no {name} (truncated, or not an image)")
    return value


def integer(dataset: Dataset, name: str) -> int:
    """A whole number that every image has.

    Raises:
      UnreadableImageError: it has none, or something else.
    """
    value = needed(dataset, name)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UnreadableImageError(f"DICOM: {name} is no whole number") from None


def numbers(dataset: Dataset, name: str) -> list[float]:
    """Finite numbers; none where the element is absent or empty.

    Raises:
      UnreadableImageError: it holds something else.
    """
    found = []
    for value in values(dataset, name):
        try:
            found.append(float(value))
        except (TypeError, ValueError):
            found.append(math.nan)
        if not math.isfinite(found[-1]):
            raise UnreadableImageError(f"DICOM: {name} is no number")
    return found


def number(dataset: Dataset, name: str) -> float | None:
    """A finite number, or None where the element is absent or empty.

    Raises:
      UnreadableImageError: it holds something else, or several.
    """
    single(dataset, name)
    found = numbers(dataset, name)
    return found[0] if found else None
