"""One step of training: a pure function of state and batch.

The state is a plain dict: `step` (a scalar), `params` (parameters by path) and `opt` (the
optimizer's state, of the trainable parameters alone).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxcxr.model import Model
from jaxcxr.model.lora import add_lora, merge_lora
from jaxcxr.model.lora_dropout import forward_with_dropout
from jaxcxr.model.parameters import fillable
from jaxcxr.run.mesh import gathered, state_shardings
from jaxcxr.run.pixels import PixelStatistics, to_model_input
from jaxcxr.training.augment import augment, mirror_labels
from jaxcxr.training.loss import weighted_bce_sum
from jaxcxr.training.optimizer import is_trainable

State = dict[str, Any]
Batch = dict[str, jax.Array]


DROPOUT = 2**32 - 1  # of a step's key, the dropout's; augmentation takes the places in the batch


def with_lora(config: ConfigDict, params: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Add the updates of `jaxcxr.model.lora` that the config asks for."""
    return add_lora(
        params,
        config.lora_rank,
        config.seed,
        targets=tuple(config.lora_targets),
        alpha=config.lora_alpha,
    )


def init_state(
    config: ConfigDict, params: dict[str, jax.Array], optimizer: optax.GradientTransformation
) -> State:
    """Return the state before the first step."""
    trainable, _ = _partition(params, config.trainable)
    return {"step": jnp.zeros((), jnp.int32), "params": params, "opt": optimizer.init(trainable)}


def shapes_of_state(
    config: ConfigDict, params: dict[str, Any], optimizer: optax.GradientTransformation, mesh: Mesh
) -> State:
    """Return the shape and the place of every array of the state; `params` are not read."""
    shapes = jax.eval_shape(lambda p: init_state(config, p, optimizer), params)
    return jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
        shapes,
        state_shardings(mesh, shapes),
    )


def create_state(
    config: ConfigDict,
    params: dict[str, jax.Array],
    optimizer: optax.GradientTransformation,
    shapes: State,
) -> State:
    """As `init_state`, each array created where `shapes_of_state` says, never whole elsewhere.

    The parameters lie there already; what the optimizer keeps of them is three quarters of all.
    """
    places = jax.tree.map(lambda leaf: leaf.sharding, {k: shapes[k] for k in ("step", "opt")})

    def rest(params: dict[str, jax.Array]) -> State:
        state = init_state(config, params, optimizer)
        return {"step": state["step"], "opt": state["opt"]}

    return {"params": params} | jax.jit(rest, out_shardings=places)(params)


def make_train_step(
    config: ConfigDict,
    model: Model,
    optimizer: optax.GradientTransformation,
    labels: Sequence[str],
    pos_weight: np.ndarray,
    pixel_statistics: PixelStatistics,
    mesh: Mesh | None = None,
) -> Callable[[State, Batch], tuple[State, dict[str, jax.Array]]]:
    """Build the function that learns from one batch.

    Args:
      config: the experiment's.
      model: gives the function; its parameters are not used, those of the state are.
      optimizer: of `make_optimizer`.
      labels: names of the model's outputs; those with a side change it in a flipped image.
      pos_weight: `[labels]`, see `positive_weights`.
      pixel_statistics: mean and standard deviation `[3]` of the normalisation.
      mesh: over which the state is split; None where it is whole.

    Returns:
      `train_step(state, batch)` -> `(state, metrics)`. The batch holds `image` `[batch, side,
      side]` uint8, or `class_token` `[batch, width]` float32 where the head alone learns from
      features that do not change, and `labels` and `mask` `[batch, labels]` float32. Metrics are
      the mean `loss` over known labels and the `gradient_norm`. Random numbers depend on the seed,
      the step and the position in the batch alone.
    """
    fill, _ = fillable(model)
    drops = config.trainable == "lora" and config.lora_dropout > 0
    mean, std = pixel_statistics
    mirrored = mirror_labels(labels) if config.flip else np.arange(len(labels))

    def loss_sum(trainable: dict, frozen: dict, batch: Batch) -> jax.Array:
        trainable, frozen = gathered(mesh, trainable), gathered(mesh, frozen)
        if "class_token" in batch:
            logits = batch["class_token"] @ trainable["head/kernel"] + trainable["head/bias"]
        else:
            images = to_model_input(batch["image"], mean, std)
            logits = logits_of(frozen | trainable, images, batch)
        assert logits is not None
        return weighted_bce_sum(logits, batch["labels"], batch["mask"], pos_weight)

    def logits_of(params: dict, images: jax.Array, batch: Batch) -> jax.Array | None:
        if not drops:
            return fill(merge_lora(params))(images)[0]
        return forward_with_dropout(fill, params, images, batch["key"], config.lora_dropout)[0]

    def keys(step: jax.Array, images: int) -> jax.Array:
        of_step = jax.random.fold_in(jax.random.key(config.seed), step)
        return jax.random.split(jax.random.fold_in(of_step, DROPOUT), images)

    def augmented(step: jax.Array, batch: Batch) -> Batch:
        key = jax.random.fold_in(jax.random.key(config.seed), step)
        images, flipped = augment(
            key, batch["image"], flip=config.flip, rotation_degrees=config.rotation_degrees
        )
        truth = {
            name: jnp.where(flipped[:, None], batch[name][:, mirrored], batch[name])
            for name in ("labels", "mask")
        }
        return {"image": images, **truth}

    def train_step(state: State, batch: Batch) -> tuple[State, dict[str, jax.Array]]:
        with jax.default_matmul_precision(model.matmul_precision):  # of the backward pass as well
            return learnt(state, batch)

    def learnt(state: State, batch: Batch) -> tuple[State, dict[str, jax.Array]]:
        if "image" in batch:
            with jax.named_scope("augmentation"):
                batch = augmented(state["step"], batch)
        if drops:
            batch = batch | {"key": keys(state["step"], len(batch["labels"]))}
        trainable, frozen = _partition(state["params"], config.trainable)
        gradient = jax.value_and_grad(partial(loss_sum, frozen=frozen))
        total, gradients = _accumulated(gradient, trainable, batch, config.accumulate)
        known = jnp.maximum(batch["mask"].sum(), 1)
        gradients = jax.tree.map(lambda g: g / known, gradients)
        with jax.named_scope("optimizer"):
            updates, opt = optimizer.update(gradients, state["opt"], trainable)
            params = frozen | optax.apply_updates(trainable, updates)
        metrics = {"loss": total / known, "gradient_norm": _norm(gradients)}
        return {"step": state["step"] + 1, "params": params, "opt": opt}, metrics

    return train_step


def _partition(params: dict[str, Any], trainable: str) -> tuple[dict[str, Any], dict[str, Any]]:
    learns = {path: value for path, value in params.items() if is_trainable(path, trainable)}
    return learns, {path: value for path, value in params.items() if path not in learns}


def _accumulated(gradient: Callable, trainable: dict, batch: Batch, parts: int) -> Any:
    """Sum loss and gradients over `parts` micro-batches of the batch, one after the other."""
    if parts == 1:
        return gradient(trainable, batch=batch)

    def every_nth(rows: jax.Array) -> jax.Array:
        # Taking each n-th row, not runs of rows, leaves every device its share of a micro-batch.
        return rows.reshape(len(rows) // parts, parts, *rows.shape[1:]).swapaxes(0, 1)

    def add(total: Any, micro_batch: Batch) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, gradient(trainable, batch=micro_batch)), None

    zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, trainable))
    return jax.lax.scan(add, zero, jax.tree.map(every_nth, batch))[0]


def _norm(gradients: dict[str, jax.Array]) -> jax.Array:
    """The norm of all gradients, by those of their rows: the vectors' in one pass, not in many."""
    rows = [jnp.linalg.norm(g, axis=-1) if g.ndim > 1 else g for g in gradients.values()]
    return jnp.linalg.norm(jnp.concatenate([jnp.ravel(row) for row in rows]))
