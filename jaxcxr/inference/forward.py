"""Apply a model to a split of a prepared dataset, over all devices."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from input_pipeline.loader import AS_USUAL, Prepared, Reading, eval_batches
from jaxcxr.model import Model, split
from jaxcxr.model.lora import merge_lora
from jaxcxr.run.mesh import gathered, put_batch, put_state, replicated
from jaxcxr.run.pixels import PixelStatistics, to_model_input
from jaxcxr.stats import auc

IN_FLIGHT = 2  # batches that the device has before the oldest is waited for
Batch = dict[str, np.ndarray]
Predictor = Callable[[Any, Prepared, str, Sequence[str]], np.ndarray]


def make_predict_step(
    model: Model, pixels: PixelStatistics, mesh: Mesh | None = None
) -> Callable[[dict[str, jax.Array], jax.Array], jax.Array]:
    """Build `predict_step(params, images)` -> logits `[batch, labels]`, images uint8 as stored.

    `mesh` is that over which the parameters are split; None where they are whole.
    """
    apply, _ = split(model)
    mean, std = pixels

    def predict_step(params: dict[str, jax.Array], images: jax.Array) -> jax.Array:
        whole = gathered(mesh, params)
        logits, _ = apply(merge_lora(whole), to_model_input(images, mean, std))
        assert logits is not None
        return logits

    return predict_step


def make_forward(
    model: Model, pixels: PixelStatistics, mesh: Mesh
) -> Callable[[Any, np.ndarray], jax.Array]:
    """Build `forward(params, images)`: this process's part of a batch -> logits of the whole batch.

    The logits are an array that may still be computed. Parameters that `put_state` placed are not
    sent again with each batch.

    Args:
      model: gives the function; its own parameters are not used.
      pixels: mean and standard deviation of the normalisation.
      mesh: the devices; they must divide the batch.
    """
    step = jax.jit(make_predict_step(model, pixels, mesh), out_shardings=replicated(mesh))

    def forward(params: Any, images: np.ndarray) -> jax.Array:
        return step(params, put_batch(mesh, {"image": images})["image"])

    return forward


def make_forward_with_features(
    model: Model, pixels: PixelStatistics, mesh: Mesh
) -> Callable[[Any, np.ndarray], tuple[jax.Array, jax.Array]]:
    """Build a `forward` as of `make_forward` that gives what the head reads, too.

    Returns:
      A function of parameters by path and images that gives logits `[batch, labels]` and `pooled`
      `[batch, width]`, both float32, arrays that may still be computed.
    """
    apply, _ = split(model)
    mean, std = pixels

    def step(params: dict[str, jax.Array], images: jax.Array) -> tuple[jax.Array, jax.Array]:
        whole = gathered(mesh, params)
        logits, out = apply(merge_lora(whole), to_model_input(images, mean, std))
        assert logits is not None
        return logits, out["pooled"].astype(jnp.float32)

    compiled = jax.jit(step, out_shardings=replicated(mesh))

    def forward(params: Any, images: np.ndarray) -> tuple[jax.Array, jax.Array]:
        return compiled(params, put_batch(mesh, {"image": images})["image"])

    return forward


def in_flight(
    compute: Callable[[np.ndarray], jax.Array], batches: Iterable[Batch]
) -> Iterator[tuple[Batch, np.ndarray]]:
    """Give each batch with what is computed of its images, while the next are on their way."""
    waiting: deque[tuple[Batch, jax.Array]] = deque()
    for batch in batches:
        waiting.append((batch, compute(batch["image"])))
        if len(waiting) > IN_FLIGHT:
            done, result = waiting.popleft()
            yield done, np.asarray(result)
    for done, result in waiting:
        yield done, np.asarray(result)


def make_predictor(
    model: Model, pixels: PixelStatistics, mesh: Mesh, batch_size: int, how: Reading = AS_USUAL
) -> Predictor:
    """Build `predict(params, prepared, split, labels)` -> logits `[images, labels]`.

    The rows are those of `prepared.records(split)`, on every process.

    Args:
      model: as for `make_forward`.
      pixels: as for `make_forward`.
      mesh: as for `make_forward`.
      batch_size: images at a time, rounded up to fill all devices.
      how: batches are read.
    """
    forward = make_forward(model, pixels, mesh)
    batch_size = fill_devices(batch_size, mesh)

    def predict(params: Any, prepared: Prepared, split: str, labels: Sequence[str]) -> np.ndarray:
        batches = eval_batches(
            prepared,
            split=split,
            labels=labels,
            batch_size=batch_size,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            how=how,
        )
        placed = put_state(mesh, params)
        logits = [found for _, found in in_flight(partial(forward, placed), batches)]
        # The last batch is filled up to the common shape; the rows beyond the split are dropped.
        images = len(prepared.records(split))
        return np.concatenate(logits or [np.zeros((0, len(labels)), np.float32)])[:images]

    return predict


def fill_devices(batch_size: int, mesh: Mesh) -> int:
    """Round a batch up to a multiple of the devices."""
    return -(-batch_size // mesh.devices.size) * mesh.devices.size


def mean_auc(prepared: Prepared, split: str, labels: Sequence[str], logits: np.ndarray) -> float:
    """Mean AUC over the labels with both classes among the known; NaN if there is none."""
    return mean_of_known(label_aucs(prepared.records(split)[list(labels)].to_numpy(), logits))


def label_aucs(truth: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """AUC of each label, `[labels]`, NaN where the known do not have both classes.

    Args:
      truth: `[images, labels]`: 1, 0, or -1 where unknown.
      logits: `[images, labels]`.
    """
    aucs = np.full(truth.shape[1], np.nan)
    for column in range(truth.shape[1]):
        known = truth[:, column] >= 0
        if len(np.unique(truth[known, column])) == 2:
            aucs[column] = auc(truth[known, column, None], logits[known, column, None])[0]
    return aucs


def mean_loss(truth: np.ndarray, logits: np.ndarray, pos_weight: np.ndarray | float = 1.0) -> float:
    """Mean binary cross-entropy over the known labels of all images; NaN if none is known.

    The loss that a training lowers, here on images that it does not learn. Every image counts in
    every label, so that a label with one or two positives does not decide, as it does in a mean of
    AUCs.

    Args:
      truth: `[images, labels]`: 1, 0, or -1 where unknown.
      logits: `[images, labels]`.
      pos_weight: `[labels]`, see `jaxcxr.training.loss.positive_weights`.
    """
    logits = np.asarray(logits, np.float64)
    losses = np.where(truth == 1, pos_weight * np.logaddexp(0, -logits), np.logaddexp(0, logits))
    known = truth >= 0
    return float(losses[known].mean()) if known.any() else float("nan")


def mean_of_known(values: np.ndarray) -> float:
    """Mean over what is not NaN; NaN if all is."""
    known = values[~np.isnan(values)]
    return float(np.mean(known)) if len(known) else float("nan")
