"""Which patients and images weights have learnt from, carried by the weights file itself.

Digests, so that no id leaves the data: enough to ask of a known id whether it is among them. A run
that starts from such weights adds its own, so that none is forgotten at any depth.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.loader import Prepared
from input_pipeline.tables.ids import key
from jaxcxr.errors import InputError
from jaxcxr.model.weights import EXTRA, read_header, read_some

FINE_TUNED = "fine-tuned by jaxcxr"  # the `source` of a run's weights
KINDS = ("patients", "images", "pixels")

Learnt = dict[str, np.ndarray]


def learnt_by(prepared: Prepared, rows: np.ndarray, before: Mapping[str, np.ndarray]) -> Learnt:
    """Return what a run has learnt from once it ends: its training images, and what came before.

    Args:
      prepared: the dataset.
      rows: of `prepared.records("train")` that are learnt from.
      before: what the weights that it starts from have learnt from.

    Returns:
      `[many]` uint64, sorted, of each of `KINDS`.
    """
    records = prepared.records("train").iloc[rows]
    pixels = np.array(prepared.pixels_of("train"), dtype=object)[rows]
    own = _digests(prepared.dataset, records) | {
        "pixels": np.array([int(one, 16) for one in pixels], np.uint64)
    }
    nothing = np.zeros(0, np.uint64)
    return {kind: np.union1d(own[kind], before.get(kind, nothing)) for kind in KINDS}


def to_tensors(learnt: Learnt) -> dict[str, np.ndarray]:
    """Name them as tensors of a weights file."""
    return {f"{EXTRA}learnt/{kind}": values for kind, values in learnt.items()}


def to_json(learnt: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Write them as text, for the JSON that another file keeps of its making."""
    return {
        kind: base64.b64encode(np.ascontiguousarray(values, "<u8").tobytes()).decode()
        for kind, values in learnt.items()
    }


def from_json(written: Mapping[str, str]) -> Learnt:
    """Read back what `to_json` wrote."""
    return {
        kind: np.frombuffer(base64.b64decode(text), "<u8").astype(np.uint64)
        for kind, text in written.items()
    }


def read_learnt(weights_file: str | Path) -> Learnt:
    """Read what weights have learnt from; empty where they do not say, see `unlisted`."""
    return {
        kind: values
        for kind in KINDS
        for values in read_some(weights_file, f"{EXTRA}learnt/{kind}").values()
    }


def among(learnt: Mapping[str, np.ndarray], dataset: str, records: pd.DataFrame) -> np.ndarray:
    """`[records]` bool: whether the image, or another of its patient, was learnt from."""
    found = np.zeros(len(records), bool)
    named = records["patient_id"].fillna("").astype(str).to_numpy() != ""
    own = _digests(dataset, records)
    found[named] = np.isin(own["patients"], learnt.get("patients", []))
    return found | np.isin(own["images"], learnt.get("images", []))


def check_unseen(
    learnt: Mapping[str, np.ndarray], who: str, prepared: Prepared, splits: Sequence[str]
) -> None:
    """Stop where images that are to be tested on were learnt from.

    Args:
      learnt: of `read_learnt`.
      who: learnt, for the message.
      prepared: the dataset to test on.
      splits: of it.

    Raises:
      InputError: it names the first image.
    """
    from input_pipeline.subset import training_units

    for split in splits:
        records = prepared.records(split)
        leaked = records[among(learnt, prepared.dataset, records)]
        if len(leaked):
            patients = len(set(map(key, training_units(leaked))))
            raise InputError(
                f"{prepared.path}: {patients} patients of its {split} split, the first of image "
                f"{leaked['image_id'].iloc[0]}, were trained on by {who}; test on unseen ones, or "
                "prepare the dataset with the split that it was trained with"
            )


def unlisted(provenance: Mapping[str, Any] | None) -> list[str]:
    """Name the datasets of radiographs that weights learnt from without saying which images."""
    found: list[str] = []
    while provenance:
        found += provenance.get("pretrained_on") or []
        if provenance.get("source") == FINE_TUNED and not provenance.get("learnt"):
            found.append(str(provenance.get("dataset")))
        if provenance.get("initialization") == "random":
            break
        provenance = (provenance.get("initialized_from") or {}).get("provenance")
    return list(dict.fromkeys(found))


def unlisted_by(weights_file: str) -> list[str]:
    """Name those of a weights file."""
    return unlisted(read_header(weights_file).provenance)


def _digests(dataset: str, records: pd.DataFrame) -> Learnt:
    patients = records["patient_id"].fillna("").astype(str)
    return {
        "patients": _hashed(f"{dataset}\npatient\n{key(name)}" for name in patients if name),
        "images": _hashed(
            f"{dataset}\nimage\n{key(name)}" for name in records["image_id"].astype(str)
        ),
    }


def _hashed(texts: Iterable[str]) -> np.ndarray:
    digests = b"".join(hashlib.sha256(text.encode()).digest()[:8] for text in texts)
    return np.frombuffer(digests, ">u8").astype(np.uint64)
