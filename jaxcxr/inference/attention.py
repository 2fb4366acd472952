"""Where the class token of a transformer looks: attention rollout, and the last block by head.

A map of attention says where information could come from, whatever is asked of it; it is the same
for every label, and no explanation of a prediction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.model.parameters import Apply
from jaxcxr.run.pixels import PixelStatistics, to_model_input

Maps = Callable[[Any, np.ndarray], tuple[jax.Array, jax.Array]]


def rollout(attentions: Sequence[jax.Array]) -> jax.Array:
    """Follow attention through the blocks (Abnar and Zuidema 2020, arXiv 2005.00928).

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


def attention_blocks(apply: Apply, params: Any, size: int) -> list[str]:
    """Name what a model puts out as attention, first block to last; nothing where it has none."""
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    _, out = jax.eval_shape(apply, params, image)
    return sorted(name for name in out if name.removeprefix("attention").isdigit())


def make_maps(
    apply: Apply, params: Any, pixels: PixelStatistics, size: int, run: Path, pooling: str
) -> Maps:
    """Build `maps(params, images)`, of images `[batch, size, size]` uint8.

    Args:
      apply: `(params, images)` -> `(logits, out)`, as of `jaxcxr.model.split`.
      params: of the model, for their shapes.
      pixels: mean and standard deviation of its normalisation.
      size: of its images, pixels.
      run: that it is of, for the message.
      pooling: what the head reads, as in the model's spec: the class token, or all tokens' mean.

    Returns:
      A function that gives `rollout` `[batch, rows, columns]`, the share of what the head reads
      that comes from each patch, and `heads` `[batch, heads, rows, columns]`, what each head of the
      last block lets the class token see of each patch; both float32.

    Raises:
      InputError: the model has no attention.
    """
    blocks = attention_blocks(apply, params, size)
    if not blocks:
        raise InputError(
            f"{run}: its model has no attention to show; python -m jaxcxr.explain --methods "
            "gradients is for any model"
        )

    @jax.jit
    def maps(params: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        _, out = apply(params, to_model_input(images, *pixels))
        seen = [out[name] for name in blocks]
        patches = out["patch_embedding"].shape[1]
        side = math.isqrt(patches)
        followed = rollout(seen)
        read = followed[:, 0] if pooling == "class_token" else followed.mean(axis=1)
        heads = seen[-1][:, :, 0, -patches:].astype(jnp.float32)
        heads = heads.reshape(*heads.shape[:2], side, side)
        return read[:, -patches:].reshape(-1, side, side), heads

    return maps
