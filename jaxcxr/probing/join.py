"""Set embeddings beside the images of a prepared dataset: by id, both sides counted and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.loader import Prepared, eval_batches
from input_pipeline.subset import training_units
from jaxcxr.errors import InputError
from jaxcxr.inference.embeddings_file import Embeddings, pixel_digest
from jaxcxr.probing.examples import Examples
from jaxcxr.run.learnt import FINE_TUNED, check_unseen, from_json

FEATURES = ("class", "patches", "both")


def join(
    path: Path, embeddings: Embeddings, prepared: Prepared, labels: Sequence[str], features: str
) -> dict[str, Examples]:
    """Return the examples of each split, in the order of its records.

    Args:
      path: of the embeddings, for messages.
      embeddings: to use; those of images that the dataset does not have are left out.
      prepared: the dataset.
      labels: names, in this order.
      features: `class` (the class token), `patches` (the mean patch token) or `both`, side by side.

    Raises:
      InputError: they are of another dataset, size or recipe, an image has no embedding or two, or
        one was made of other pixels; or the weights learnt from patients that are judged here.
    """
    _check_same_kind(path, embeddings.origin, prepared)
    _check_learnt_nobody(path, embeddings.origin, prepared)
    places = {str(name): place for place, name in enumerate(embeddings.image_id)}
    if len(places) < len(embeddings.image_id):
        seen = np.unique(embeddings.image_id, return_counts=True)
        raise InputError(f"{path}: holds image {seen[0][seen[1] > 1][0]} twice; make it again")
    values = {
        "class": embeddings.class_token,
        "patches": embeddings.patch_mean,
        "both": np.concatenate([embeddings.class_token, embeddings.patch_mean], axis=1),
    }[features]
    found = {}
    for split in prepared.splits:
        records = prepared.records(split)
        ids = records["image_id"].astype(str)
        absent = [name for name in ids if name not in places]
        if absent:
            raise InputError(
                f"{path}: has no embedding of {len(absent)} of the {len(ids)} {split} images of "
                f"{prepared.path}, the first is {absent[0]}; embed this dataset"
            )
        rows = np.array([places[name] for name in ids])
        _check_same_pixels(path, embeddings, prepared, split, rows)
        truth = records[list(labels)].to_numpy()
        found[split] = Examples(values[rows], truth, training_units(records))
    return found


def unused(embeddings: Embeddings, prepared: Prepared) -> int:
    """Count the embeddings of images that the dataset does not have."""
    known = {str(name) for split in prepared.splits for name in prepared.records(split)["image_id"]}
    return sum(str(name) not in known for name in embeddings.image_id)


def _check_same_kind(path: Path, origin: Mapping[str, Any], prepared: Prepared) -> None:
    cohort = prepared.cohort
    wanted = {"dataset": prepared.dataset, "image_size": prepared.image_size}
    wanted |= {name: cohort.get(name) for name in ("recipe", "recipe_hash")}
    for name, value in wanted.items():
        if origin.get(name) != value:
            raise InputError(
                f"{path}: made with {name.replace('_', ' ')} {origin.get(name)}, but "
                f"{prepared.path} has {value}; embed this dataset"
            )


def _check_same_pixels(
    path: Path, embeddings: Embeddings, prepared: Prepared, split: str, rows: np.ndarray
) -> None:
    """An id is a name: the images themselves must be those that were embedded."""
    batches = eval_batches(prepared, split=split, labels=None, batch_size=min(256, len(rows)))
    digests = [pixel_digest(batch["image"][batch["valid"] == 1]) for batch in batches]
    differs = np.flatnonzero(np.concatenate(digests) != embeddings.pixels[rows])
    if len(differs):
        first = prepared.records(split)["image_id"].iloc[differs[0]]
        raise InputError(
            f"{path}: {len(differs)} of the {len(rows)} {split} images of {prepared.path}, the "
            f"first is {first}, are not the pictures that were embedded; embed this dataset"
        )


def _check_learnt_nobody(path: Path, origin: Mapping[str, Any], prepared: Prepared) -> None:
    """Refuse features of weights that learnt from patients or images to be judged here."""
    judged = [split for split in prepared.splits if split != "train"]
    check_unseen(from_json(origin.get("learnt", {})), f"the weights of {path}", prepared, judged)
    provenance = origin.get("provenance")
    while isinstance(provenance, Mapping):
        fine_tuned = provenance.get("source") == FINE_TUNED and not provenance.get("learnt")
        if fine_tuned and provenance.get("dataset") == prepared.dataset:
            raise InputError(
                f"{path}: its weights were trained on {prepared.dataset} by an earlier version, "
                "which did not keep on whom, so that nobody can tell whether they are judged here; "
                "take other weights, or train these again"
            )
        provenance = (provenance.get("initialized_from") or {}).get("provenance")
