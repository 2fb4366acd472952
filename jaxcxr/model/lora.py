"""Low-rank adaptation of attention and MLP kernels (Hu et al., arXiv 2106.09685).

Each adapted kernel becomes `kernel + alpha / rank * a @ b`, with `kernel` frozen. The sum is formed
once a step, so that the model itself knows nothing of it and a finished run is an ordinary weights
file. With dropout, which is of what `a` reads, there is no such kernel: see `lora_dropout`.
"""

from __future__ import annotations

from collections.abc import Iterable

import jax
import jax.numpy as jnp

from jaxcxr.errors import InputError

PREFIX = "lora/"
SCALE = "lora_scale"  # alpha / rank; beside the parameters, where it is not 1, and never learns
ADAPTED = ("attention/qkv", "attention/projection", "mlp/fc1", "mlp/fc2")
PARTS = ("query", "key", "value")  # of the fused kernel `attention/qkv`, columns in this order

FlatParams = dict[str, jax.Array]


def add_lora(
    params: FlatParams,
    rank: int,
    seed: int,
    *,
    targets: tuple[str, ...] = ADAPTED,
    alpha: float = 0.0,
) -> FlatParams:
    """Add `a` `[inputs, rank]`, drawn, and `b` `[rank, outputs]`, zero, for each adapted kernel.

    Args:
      params: parameters by path.
      rank: of the update.
      seed: of the draw. The model's function is unchanged, since `b` is zero.
      targets: ends of the paths of what is adapted in the blocks: `attention/qkv` is the fused map
        as one, `attention/query` (`key`, `value`) its third. What the model does not have is
        left out.
      alpha: the updates count `alpha / rank` times; 0 for once.

    Raises:
      InputError: the model has none of the targets.
    """
    added, seen = {}, []
    for index, path in enumerate(sorted(params)):
        module = path.removesuffix("/kernel")
        if not path.startswith("blocks/") or module == path:
            continue
        for number, name in enumerate(_updates_of(module)):
            seen.append(_in_block(name))
            if not name.endswith(targets):
                continue
            inputs, outputs = params[path].shape
            key = jax.random.fold_in(jax.random.key(seed), index)
            if number:
                key, outputs = jax.random.fold_in(key, number), outputs // len(PARTS)
            added[f"{PREFIX}{name}/a"] = jax.random.normal(key, (inputs, rank)) * inputs**-0.5
            added[f"{PREFIX}{name}/b"] = jnp.zeros((rank, outputs))
    if not added:
        known = [one for one in dict.fromkeys(seen) if one.startswith(("attention/", "mlp/"))]
        raise InputError(
            f"config.lora_targets is {', '.join(targets)}, of which this model has none; choose "
            f"among {', '.join(known)}"
        )
    if alpha and alpha != rank:
        added[SCALE] = jnp.float32(alpha / rank)
    return params | added


def _updates_of(module: str) -> list[str]:
    """Names that the updates of a module's kernel can have: its own, then those of its parts."""
    above, _, last = module.rpartition("/")
    return [module, *(f"{above}/{part}" for part in PARTS if last == "qkv")]


def updates(params: Iterable[str]) -> list[str]:
    """Names of the updates among parameters, in their order."""
    return [
        path.removeprefix(PREFIX).removesuffix("/a")
        for path in params
        if path.startswith(PREFIX) and path.endswith("/a")
    ]


def adapted(params: Iterable[str]) -> list[str]:
    """Name what is adapted in the blocks, as `targets` of `add_lora` name it."""
    return list(dict.fromkeys(_in_block(name) for name in updates(params)))


def _in_block(name: str) -> str:
    return name.split("/", 2)[2]


def without_updates(params: FlatParams) -> FlatParams:
    """The parameters of the plain model, kernels as they were."""
    return {
        path: value
        for path, value in params.items()
        if not path.startswith(PREFIX) and path != SCALE
    }


def place_of(name: str) -> tuple[str, int | None]:
    """The module that an update belongs to, and which third of its columns; None for all."""
    above, _, last = name.rpartition("/")
    return (f"{above}/qkv", PARTS.index(last)) if last in PARTS else (name, None)


def in_columns(update: jax.Array, third: int | None) -> jax.Array:
    """Put `[rows, width]` in its third of the columns `[rows, 3 * width]`, zeros in the others."""
    if third is None:
        return update
    width = update.shape[1]
    return jnp.pad(update, ((0, 0), (third * width, (len(PARTS) - 1 - third) * width)))


def merge_lora(params: FlatParams) -> FlatParams:
    """Return the parameters of the plain model, with every update added to its kernel."""
    merged = without_updates(params)
    for name in updates(params):
        update = params[f"{PREFIX}{name}/a"] @ params[f"{PREFIX}{name}/b"]
        if SCALE in params:
            update = update * params[SCALE]
        module, third = place_of(name)
        merged[f"{module}/kernel"] = merged[f"{module}/kernel"] + in_columns(update, third)
    return merged
