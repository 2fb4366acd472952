"""A small multi-layer perceptron on frozen features, all labels at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxcxr.probing.examples import Choice, Examples, Head, choose

HIDDEN = 128
BATCH = 256
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.1
STEPS = (50, 150, 500, 1500)

Weights = dict[str, jax.Array]


def choose_perceptron(train: Examples, validation: Examples, seed: int) -> Choice:
    """Choose the number of steps on the validation patients."""
    return choose(STEPS, lambda part, steps: fit_perceptron(part, steps, seed), train, validation)


def fit_perceptron(train: Examples, steps: int, seed: int) -> Head:
    """Train one hidden layer of 128 units with AdamW on the known labels.

    Args:
      train: to learn from.
      steps: of up to 256 images, drawn with replacement.
      seed: of the initial weights and the draws.
    """
    mean, scale = train.features.mean(axis=0), train.features.std(axis=0)
    scale = np.where(scale > 1e-6 * max(scale.max(initial=0.0), 1e-30), scale, np.inf)
    features = jnp.asarray((train.features - mean) / scale, jnp.float32)
    optimizer = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    initial, draws = jax.random.split(jax.random.key(seed))
    params = _initial(initial, features.shape[1], train.truth.shape[1])
    params = trained(features, train.truth, params, _logits, optimizer, steps, draws)

    def head(values: np.ndarray) -> np.ndarray:
        return np.asarray(_logits(params, jnp.asarray((values - mean) / scale, jnp.float32)))

    return head


def trained(
    features: jax.Array,
    truth: np.ndarray,
    params: Weights,
    logits_of: Callable[[Weights, jax.Array, jax.Array | None], jax.Array],
    optimizer: optax.GradientTransformation,
    steps: int,
    draws: jax.Array,
) -> Weights:
    """Train a head on the known labels, all at once.

    Args:
      features: `[images, width]` float32.
      truth: `[images, labels]`: 1, 0, or -1 where unknown.
      params: of the head, before.
      logits_of: its function of parameters, features and the key of what it draws itself.
      optimizer: that moves the parameters.
      steps: of up to 256 images, drawn with replacement.
      draws: key of them.
    """
    labels = jnp.asarray(truth == 1, jnp.float32)
    mask = jnp.asarray(truth >= 0, jnp.float32)

    def loss(params: Weights, rows: jax.Array, key: jax.Array) -> jax.Array:
        logits = logits_of(params, features[rows], key)
        losses = optax.sigmoid_binary_cross_entropy(logits, labels[rows])
        return jnp.sum(losses * mask[rows]) / jnp.maximum(mask[rows].sum(), 1)

    # The key of the rows is used up by them; what the head draws has one of its own.
    def step(state: Any, key: jax.Array) -> tuple[Any, None]:
        params, opt = state
        rows = jax.random.randint(key, (min(BATCH, len(features)),), 0, len(features))
        own = jax.random.fold_in(key, 1)
        updates, opt = optimizer.update(jax.grad(loss)(params, rows, own), opt, params)
        return (optax.apply_updates(params, updates), opt), None

    keys = jax.random.split(draws, steps)
    (params, _), _ = jax.jit(lambda state: jax.lax.scan(step, state, keys))(
        (params, optimizer.init(params))
    )
    return params


def _initial(key: jax.Array, width: int, labels: int) -> Weights:
    first, second = jax.random.split(key)
    return {
        "kernel1": jax.random.normal(first, (width, HIDDEN)) * width**-0.5,
        "bias1": jnp.zeros(HIDDEN),
        "kernel2": jax.random.normal(second, (HIDDEN, labels)) * HIDDEN**-0.5,
        "bias2": jnp.zeros(labels),
    }


def _logits(params: Weights, x: jax.Array, key: jax.Array | None = None) -> jax.Array:
    del key  # draws nothing
    hidden = jax.nn.gelu(x @ params["kernel1"] + params["bias1"])
    return hidden @ params["kernel2"] + params["bias2"]
