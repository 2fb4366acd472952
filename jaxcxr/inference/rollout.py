"""Attention rollout: how much of the class token comes from each patch of an image."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from input_pipeline.loader import Prepared, images_at, open_prepared
from jaxcxr.errors import InputError
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.model import flatten
from jaxcxr.model import split as split_model
from jaxcxr.run.directory import read_config
from jaxcxr.run.pixels import to_model_input

BATCH = 8  # the matrices of all blocks are in memory at once


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
    prepared = open_prepared(read_config(directory).data)
    model, _, pixels, origin = load_run(directory)
    apply, state = split_model(model)
    prefix, grid, depth = model.spec.prefix_tokens, model.grid, model.spec.depth

    @jax.jit
    def maps(params: Any, images: jax.Array) -> jax.Array:
        _, out = apply(params, to_model_input(images, *pixels))
        seen = rollout([out[f"attention{block:02}"] for block in range(depth)])
        return seen[:, 0, prefix:].reshape(-1, grid, grid)

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
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in ("image_id", "image", "rollout", "origin")}
        return found | {"origin": json.loads(str(found["origin"]))}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no readable attention maps ({error}); make them again") from None
