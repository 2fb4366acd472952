"""Low-rank adaptation of attention and MLP kernels (Hu et al., arXiv 2106.09685).

Each adapted kernel becomes `kernel + a @ b`, with `kernel` frozen. The sum is formed once a step,
so that the model itself knows nothing of it and a finished run is an ordinary weights file.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

PREFIX = "lora/"
ADAPTED = ("attention/qkv", "attention/projection", "mlp/fc1", "mlp/fc2")

FlatParams = dict[str, jax.Array]


def add_lora(params: FlatParams, rank: int, seed: int) -> FlatParams:
    """Add `a` `[inputs, rank]`, drawn, and `b` `[rank, outputs]`, zero, for each adapted kernel.

    Args:
      params: parameters by path.
      rank: of the update.
      seed: of the draw. The model's function is unchanged, since `b` is zero.
    """
    added = {}
    for index, path in enumerate(sorted(params)):
        module = path.removesuffix("/kernel")
        if path.startswith("blocks/") and module.endswith(ADAPTED) and module != path:
            inputs, outputs = params[path].shape
            key = jax.random.fold_in(jax.random.key(seed), index)
            added[f"{PREFIX}{module}/a"] = jax.random.normal(key, (inputs, rank)) * inputs**-0.5
            added[f"{PREFIX}{module}/b"] = jnp.zeros((rank, outputs))
    return params | added


def merge_lora(params: FlatParams) -> FlatParams:
    """Return the parameters of the plain model, with every update added to its kernel."""
    merged = {path: value for path, value in params.items() if not path.startswith(PREFIX)}
    for path in params:
        if path.startswith(PREFIX) and path.endswith("/a"):
            module = path.removeprefix(PREFIX).removesuffix("/a")
            update = params[path] @ params[f"{PREFIX}{module}/b"]
            merged[f"{module}/kernel"] = merged[f"{module}/kernel"] + update
    return merged
