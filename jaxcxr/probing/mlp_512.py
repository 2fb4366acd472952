"""The head that the follow-up study (arXiv 2510.07191) puts on frozen features.

LayerNorm, Linear to 512, GELU, LayerNorm, dropout of 0.3, Linear. Its loss weighs positives; this
one is that of all heads here, unweighted, and the number of steps is chosen as theirs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxcxr.model.layers import gelu_erf, layer_norm
from jaxcxr.probing.examples import Choice, Examples, Head, choose
from jaxcxr.probing.perceptron import LEARNING_RATE, STEPS, WEIGHT_DECAY, Weights, trained

HIDDEN = 512
DROPOUT = 0.3
EPSILON = 1e-5  # of PyTorch's LayerNorm


def choose_mlp_512(train: Examples, validation: Examples, seed: int) -> Choice:
    """Choose the number of steps on the validation patients."""
    return choose(STEPS, lambda part, steps: fit_mlp_512(part, steps, seed), train, validation)


def fit_mlp_512(train: Examples, steps: int, seed: int) -> Head:
    """Train the head with AdamW on the known labels; its kernels alone decay.

    Args:
      train: to learn from.
      steps: of up to 256 images, drawn with replacement.
      seed: of the initial weights, the draws and the dropout.
    """
    initial, draws = jax.random.split(jax.random.key(seed))
    weights = initial_weights(initial, train.features.shape[1], train.truth.shape[1])
    kernels = {name: name.startswith("kernel") for name in weights}
    optimizer = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY, mask=kernels)
    features = jnp.asarray(train.features, jnp.float32)
    weights = trained(features, train.truth, weights, logits_of, optimizer, steps, draws)

    def head(values: np.ndarray) -> np.ndarray:
        return np.asarray(logits_of(weights, jnp.asarray(values, jnp.float32), None))

    return head


def initial_weights(key: jax.Array, width: int, labels: int) -> Weights:
    """Draw the maps as PyTorch draws `Linear`: uniform in +-1/sqrt(inputs)."""
    weights = {}
    for number, (inputs, outputs) in enumerate(((width, HIDDEN), (HIDDEN, labels)), 1):
        keys = jax.random.split(jax.random.fold_in(key, number))
        for name, one, shape in zip(
            ("kernel", "bias"), keys, ((inputs, outputs), (outputs,)), strict=True
        ):
            bound = inputs**-0.5
            weights[f"{name}{number}"] = jax.random.uniform(one, shape, minval=-bound, maxval=bound)
        weights[f"scale{number}"] = jnp.ones(inputs)
        weights[f"shift{number}"] = jnp.zeros(inputs)
    return weights


def logits_of(weights: Weights, x: jax.Array, key: jax.Array | None) -> jax.Array:
    """Map features `[images, width]` to logits `[images, labels]`; `key` draws the dropout."""
    x = layer_norm(x, weights["scale1"], weights["shift1"], EPSILON)
    x = gelu_erf(x @ weights["kernel1"] + weights["bias1"])
    x = layer_norm(x, weights["scale2"], weights["shift2"], EPSILON)
    if key is not None:
        x = jnp.where(jax.random.bernoulli(key, 1 - DROPOUT, x.shape), x / (1 - DROPOUT), 0)
    return x @ weights["kernel2"] + weights["bias2"]
