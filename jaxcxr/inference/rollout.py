"""The file of attention rollout over prepared images, which a study's page shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from typing_extensions import TypedDict

from input_pipeline.loader import Prepared, images_at
from jaxcxr.errors import InputError, reading
from jaxcxr.inference.attention import make_maps
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.model import flatten
from jaxcxr.model import split as split_model
from jaxcxr.run.belongs import open_run_data
from jaxcxr.small_files import parse_json

BATCH = 8  # the matrices of all blocks are in memory at once


class Origin(TypedDict):
    """What a file of maps says of its making."""

    weights_sha256: str


def attend(directory: Path, split: str, image_ids: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Compute the maps of images of a run's dataset.

    Args:
      directory: of the run.
      split: that the images are of.
      image_ids: which; None for all.

    Returns:
      What the file holds.

    Raises:
      InputError: there is no such run or image.
    """
    model, _, pixels, origin = load_run(directory)
    prepared = open_run_data(directory, origin)
    apply, state = split_model(model)
    params, size = flatten(state), prepared.image_size
    maps = make_maps(apply, params, pixels, size, directory, model.spec.pooling)
    rows = rows_of(prepared, split, image_ids)
    images = images_at(prepared, split, rows)
    # One shape for all batches: the last is filled up with black images.
    filled = np.pad(images, ((0, -len(images) % BATCH), (0, 0), (0, 0)))
    grid = jax.eval_shape(maps, params, np.zeros((BATCH, size, size), np.uint8))[0].shape[1:]
    seen = np.zeros((len(filled), *grid), np.float32)
    for start in range(0, len(filled), BATCH):
        batch = slice(start, start + BATCH)
        seen[batch] = maps(params, filled[batch])[0]
    return {
        "image_id": prepared.records(split)["image_id"].to_numpy(dtype=str)[rows],
        "image": images,
        "rollout": seen[: len(images)],
        "origin": np.array(json.dumps({"weights_sha256": origin["weights_sha256"]})),
    }


def rows_of(prepared: Prepared, split: str, image_ids: Sequence[str] | None) -> np.ndarray:
    """Return the rows of images in `prepared.records(split)`; of all where `image_ids` is None.

    Raises:
      InputError: there is no such split or image.
    """
    known = prepared.records(split)["image_id"].to_numpy(dtype=str)
    if not len(known):
        raise InputError(
            f"{prepared.path}: no split {split!r}; it has {', '.join(prepared.splits)}"
        )
    if image_ids is None:
        return np.arange(len(known))
    places = {name: row for row, name in enumerate(known)}
    absent = [name for name in image_ids if name not in places]
    if absent:
        raise InputError(
            f"{prepared.path}: no image {absent[0]!r} in split {split!r}; its records.parquet "
            "names them"
        )
    return np.array([places[name] for name in image_ids], np.int64)


def read_rollout(path: Path) -> dict[str, Any]:
    """Read a file back, `origin` as a dict.

    Raises:
      InputError: there is none, or it is damaged.
    """
    remedy = "make them again by python -m jaxcxr.explain"
    with (
        reading(path, "attention maps", remedy),
        path.open("rb") as opened,
        np.load(opened, allow_pickle=False) as file,
    ):
        found = {name: file[name] for name in ("image_id", "image", "rollout", "origin")}
    shape = {len(found["image_id"]), len(found["image"]), len(found["rollout"])}
    if len(shape) > 1 or found["image"].ndim != 3 or found["rollout"].ndim != 3:
        raise InputError(f"{path}: damaged, its arrays do not fit together; {remedy}")
    origin = parse_json(str(found["origin"]), Origin, f"{path}, its origin", remedy)
    return found | {"origin": origin}
