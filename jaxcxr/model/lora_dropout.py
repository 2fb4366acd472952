"""LoRA as it is trained with dropout: each update reads its input through a mask of its own.

`x @ kernel + bias + alpha / rank * dropout(x) @ a @ b`, as PyTorch's `peft` computes it. No kernel
is the sum of the two then, so that adapted maps are put in the place of the model's own for the
length of one forward pass. Prediction knows no dropout and merges, see `merge_lora`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxcxr.model.building import Model
from jaxcxr.model.lora import (
    PREFIX,
    SCALE,
    FlatParams,
    in_columns,
    place_of,
    updates,
    without_updates,
)
from jaxcxr.model.parameters import Params

Array = jax.Array


def forward_with_dropout(
    fill: Callable[[Params], Model], params: FlatParams, images: Array, keys: Array, rate: float
) -> tuple[Array | None, dict[str, Array]]:
    """Classify images by a model with updates.

    Args:
      fill: of `jaxcxr.model.parameters.fillable`.
      params: by path, with updates as of `add_lora`.
      images: `[batch, height, width, 3]` float, normalised.
      keys: `[batch]`, of each image; its masks depend on its own alone, whatever else is in the
        batch and wherever it is computed.
      rate: the share of what an update reads that is dropped.

    Returns:
      As the model does.
    """
    model = fill(without_updates(params))
    for number, name in enumerate(sorted(updates(params))):
        module, third = place_of(name)
        *above, last = module.split("/")
        owner: Any = model
        for part in above:
            owner = owner[int(part)] if part.isdecimal() else getattr(owner, part)
        a, b = (params[f"{PREFIX}{name}/{factor}"] for factor in "ab")
        own = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
        adapted = _Adapted(getattr(owner, last), a, b, params.get(SCALE), third, own, rate)
        setattr(owner, last, adapted)
    return model(images)


@dataclass(frozen=True)
class _Adapted:
    """A linear map, or one that is adapted already, with an update."""

    linear: Callable[..., Array]
    a: Array
    b: Array
    scale: Array | None
    third: int | None
    keys: Array
    rate: float

    def __call__(self, x: Array, bias_mask: Array | None = None) -> Array:
        """Map `[batch * tokens, inputs]` to `[batch * tokens, outputs]`."""
        tokens = len(x) // len(self.keys)

        def mask(key: Array) -> Array:
            return jax.random.bernoulli(key, 1 - self.rate, (tokens, x.shape[1]))

        kept = jax.vmap(mask)(self.keys).reshape(x.shape)
        read = jnp.where(kept, x / (1 - self.rate), 0).astype(x.dtype)
        update = read @ self.a.astype(x.dtype) @ self.b.astype(x.dtype)
        if self.scale is not None:
            update = update * self.scale.astype(x.dtype)
        return self.linear(x, bias_mask) + in_columns(update, self.third)
