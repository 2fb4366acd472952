"""What a prepared dataset is, wherever it lies: digests of its content, part by part.

A run keeps them and compares them each time it opens its data, so that a moved folder is the same
data, and another split, label or picture under the same name is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

PIXELS = "pixels_sha256"  # column of records.parquet: of each image as prepared
KNOWN = ("patient_id", "study_id", "view", "sex")

Identity = dict[str, str]

# What each digest is of, as a refusal says it.
PARTS = {
    "cohort": "which images there are, or what is known of them",
    "split": "which split images are in",
    "labels": "the labels",
    "recipe": "the preprocessing",
    "images": "the pixels",
    "order": "the order of the images",
}


def identify(
    records: pd.DataFrame, cohort: Mapping[str, Any], labels: Sequence[str], pixels: Sequence[str]
) -> Identity:
    """Compute the digests of a prepared dataset, by the names of `PARTS`.

    Args:
      records: of all splits, in the order of the shards.
      cohort: `cohort.json`.
      labels: names, in the order of the label vectors.
      pixels: digest of each image, as of `digest_of_pixels`, in the order of the records.
    """
    ids = _texts(records, "image_id")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    rows = records.iloc[order]
    sorted_ids = [ids[row] for row in order]
    splits = _texts(records, "split")
    age = pd.to_numeric(rows["age"], errors="coerce").to_numpy("<f4")
    age = np.where(np.isnan(age), np.float32("nan"), age)  # one NaN of the many that there are
    known = [_texts(rows, column) for column in KNOWN]
    recipe = [cohort.get(name) for name in ("recipe", "recipe_hash", "image_size")]
    truth = _of_array(rows[list(labels)].to_numpy(np.int8))
    return {
        "cohort": _digest(cohort.get("dataset"), sorted_ids, known, _of_array(age)),
        "split": _digest(sorted_ids, [splits[row] for row in order]),
        "labels": _digest(sorted_ids, cohort.get("label_rules"), list(labels), truth),
        "recipe": _digest(recipe),
        "images": _digest(sorted_ids, [pixels[row] for row in order]),
        "order": _digest(
            {name: [i for i, s in zip(ids, splits, strict=True) if s == name] for name in {*splits}}
        ),
    }


def digest_of_pixels(image: bytes | memoryview) -> str:
    """The first 16 hexadecimal digits of SHA-256 over an image's bytes, row by row."""
    return hashlib.sha256(image).hexdigest()[:16]


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say in words which parts of two identities differ; empty if none does."""
    return "; ".join(
        f"{words} ({part} {before.get(part, 'unknown')[:8]} before, {now.get(part, '')[:8]} now)"
        for part, words in PARTS.items()
        if before.get(part) != now.get(part)
    )


def _texts(records: pd.DataFrame, column: str) -> list[str]:
    values = records[column].to_numpy(dtype=object, na_value="").tolist()
    return list(map(str, values))


def _of_array(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def _digest(*parts: Any) -> str:
    # JSON keeps neighbouring texts apart, whatever stands in them.
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
