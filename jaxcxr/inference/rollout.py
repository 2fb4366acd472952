"""Attention rollout: how much of the class token comes from each patch of an image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from typing_extensions import TypedDict

from input_pipeline.loader import Prepared, images_at
from jaxcxr.errors import InputError, reading
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.model import ViT, flatten
from jaxcxr.model import split as split_model
from jaxcxr.run.belongs import open_run_data
from jaxcxr.run.pixels import to_model_input
from jaxcxr.small_files import parse_json

BATCH = 8  # the matrices of all blocks are in memory at once


class Origin(TypedDict):
    """What a file of maps says of its making."""

    weights_sha256: str


def rollout(attentions: Sequence[jax.Array]) -> jax.Array:
    """Follow attention through the blocks.

    Args:
      attentions: of each block, first to last, probabilities `[batch, heads, tokens, tokens]`.

    Returns:
      `[batch, tokens, tokens]`; row i says how much of the last block's token i comes from each
      token of the first; rows sum to 1.
    """
    followed = jnp.eye(attentions[0].shape[-1], dtype=jnp.float32)
    for probabilities in attentions:
        mean = probabilities.astype(jnp.float32).mean(axis=1)
        mixed = (mean + jnp.eye(mean.shape[-1])) / 2
        followed = mixed @ followed
    return followed


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
    if not isinstance(model, ViT):
        raise InputError(
            f"{directory}: its model is a {type(model).__name__}, which has no attention to "
            "follow; maps of attention are of vision transformers"
        )
    prefix, grid, depth = model.spec.prefix_tokens, model.grid, model.spec.depth
    by_class_token = model.spec.pooling == "class_token"

    @jax.jit
    def maps(params: Any, images: jax.Array) -> jax.Array:
        _, out = apply(params, to_model_input(images, *pixels))
        seen = rollout([out[f"attention{block:02}"] for block in range(depth)])
        read = seen[:, 0] if by_class_token else seen.mean(axis=1)  # what the head reads
        return read[:, prefix:].reshape(-1, grid, grid)

    params = flatten(state)
    rows = _rows(prepared, split, image_ids)
    images = images_at(prepared, split, rows)
    # One shape for all batches: the last is filled up with black images.
    filled = np.pad(images, ((0, -len(images) % BATCH), (0, 0), (0, 0)))
    seen = np.zeros((len(filled), grid, grid), np.float32)
    for start in range(0, len(filled), BATCH):
        batch = slice(start, start + BATCH)
        seen[batch] = maps(params, filled[batch])
    return {
        "image_id": prepared.records(split)["image_id"].to_numpy(dtype=str)[rows],
        "image": images,
        "rollout": seen[: len(images)],
        "origin": np.array(json.dumps({"weights_sha256": origin["weights_sha256"]})),
    }


def _rows(prepared: Prepared, split: str, image_ids: Sequence[str] | None) -> np.ndarray:
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
