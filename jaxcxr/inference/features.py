"""What a frozen backbone says of images: the class token and the mean patch token.

These two are what linear evaluations of vision transformers read (DINOv2, arXiv 2304.07193).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from input_pipeline.images import Batch
from input_pipeline.loader import Prepared, eval_batches
from jaxcxr.inference.forward import fill_devices, in_flight
from jaxcxr.model import Model, split
from jaxcxr.model.lora import merge_lora
from jaxcxr.run.mesh import put_batch, put_state, replicated
from jaxcxr.run.pixels import PixelStatistics, to_model_input

Extract = Callable[[Any, np.ndarray], jax.Array]


def make_extract(model: Model, pixels: PixelStatistics, mesh: Mesh) -> Extract:
    """Build `extract(params, images)`: this process's part of a batch -> features of the whole.

    Args:
      model: gives the function; its own parameters are not used.
      pixels: mean and standard deviation of the normalisation.
      mesh: the devices; they must divide the batch.

    Returns:
      A function of parameters by path and images `[batch, side, side]` uint8 that gives
      `[batch, 2, width]` float32: what the head reads, by the model's pooling the class token, the
      mean of all tokens, or of a ConvNeXt the normalised mean over all places; then the mean of
      the patch tokens, both after the final norm; an array that may still be computed.
    """
    apply, _ = split(model)
    mean, std = pixels
    prefix = model.spec.prefix_tokens

    def step(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
        _, out = apply(merge_lora(params), to_model_input(images, mean, std))
        tokens = out["tokens"].astype(jnp.float32)
        pooled = out["pooled"].astype(jnp.float32)
        return jnp.stack([pooled, tokens[:, prefix:].mean(axis=1)], axis=1)

    compiled = jax.jit(step, out_shardings=replicated(mesh))

    def extract(params: Any, images: np.ndarray) -> jax.Array:
        return compiled(params, put_batch(mesh, {"image": images})["image"])

    return extract


def features_of_split(
    extract: Extract,
    params: Any,
    prepared: Prepared,
    split: str,
    *,
    batch_size: int,
    mesh: Mesh,
    rows: np.ndarray | None = None,
    change: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Go through a split batch by batch, on every process.

    Args:
      extract: of `make_extract`.
      params: parameters by path.
      prepared: the dataset.
      split: of it.
      batch_size: images at a time, rounded up to fill all devices.
      mesh: the devices.
      rows: of `prepared.records(split)`, in this order; None for all.
      change: a function of rows and images `[images, side, side]`, to embed what it returns.

    Yields:
      This process's images of a batch, `[images, side, side]` uint8 as stored, and the features of
      the whole batch, `[images, 2, width]`; without what only filled the last batch up.
    """
    left = len(prepared.records(split)) if rows is None else len(rows)
    if not left:
        return
    batches = eval_batches(
        prepared,
        split=split,
        labels=None,
        batch_size=fill_devices(batch_size, mesh),
        rows=rows,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    if change is not None:
        batches = _changed(batches, change)
    for batch, whole in in_flight(partial(extract, put_state(mesh, params)), batches):
        features = whole[:left]
        left -= len(features)
        yield batch.get("stored", batch["image"])[batch["valid"] == 1], features


def _changed(
    batches: Iterator[Batch], change: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Iterator[Batch]:
    for batch in batches:
        changed = change(batch["index"], batch["image"])
        yield batch | {"stored": batch["image"], "image": changed}
