"""Parameters as plain data: a nested dict of arrays, or a flat dict keyed by `/`-joined paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
from flax import nnx, traverse_util

from jaxcxr.model.shapes import in_order

Params = dict[str, Any]
ModuleOf = TypeVar("ModuleOf", bound=nnx.Module)
Apply = Callable[[Params, jax.Array], tuple[jax.Array | None, dict[str, jax.Array]]]


def flatten(params: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `{"blocks/0/norm1/scale": array, ...}` in sorted order of the paths."""
    flat = traverse_util.flatten_dict(dict(params))
    return {"/".join(map(str, path)): flat[path] for path in sorted(flat, key=in_order)}


def unflatten(flat: Mapping[str, Any]) -> Params:
    """Return the nested dict of a flat one; every key is a string."""
    return traverse_util.unflatten_dict(dict(flat), sep="/")


def fillable(model: ModuleOf) -> tuple[Callable[[Params], ModuleOf], Params]:
    """Separate a model into a function that puts parameters into it, and its own parameters.

    Returns:
      `fill(params)` -> the model with these, and `params`, a nested dict of arrays with strings as
      keys.
    """
    graph, state = nnx.split(model, nnx.Param)
    template = dict(nnx.to_flat_state(state))

    def fill(params: Params) -> ModuleOf:
        flat = flatten(params)
        filled = {
            path: variable.replace(flat["/".join(map(str, path))])
            for path, variable in template.items()
        }
        return nnx.merge(graph, nnx.from_flat_state(filled))

    return fill, unflatten(flatten(nnx.to_pure_dict(state)))


def split(model: nnx.Module) -> tuple[Apply, Params]:
    """Separate a model into a pure function and its parameters.

    Returns:
      `apply(params, images)` -> `(logits, out)`, to be differentiated and compiled as any
      function, and `params`, a nested dict of arrays with strings as keys.
    """
    fill, own = fillable(model)

    def apply(params: Params, images: jax.Array) -> tuple[jax.Array | None, dict[str, jax.Array]]:
        return fill(params)(images)

    return apply, own
