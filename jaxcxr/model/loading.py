"""Build the model of a weights file, its parameters placed wherever they are wanted.

Each parameter is read by itself, and where it is split over devices, each device's part by itself:
no more than the host's own parts pass through its memory, and no device ever holds the whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxcxr.errors import InputError
from jaxcxr.model.architectures import ModelSpec
from jaxcxr.model.building import Model, build_model
from jaxcxr.model.modules import new_head
from jaxcxr.model.parameters import flatten, unflatten
from jaxcxr.model.position import resample_table
from jaxcxr.model.shapes import Shapes
from jaxcxr.model.spec import ViTSpec
from jaxcxr.model.weights import EXTRA, Header, check_numbers, check_shapes, opened, read_header

Index = tuple[slice, ...]
# Makes a parameter of a shape from a function that gives a part of its numbers.
Place = Callable[[tuple[int, ...], Callable[[Index], np.ndarray]], jax.Array]


def on_one_device(shape: tuple[int, ...], read: Callable[[Index], np.ndarray]) -> jax.Array:
    """Put a parameter whole on JAX's default device."""
    return jnp.asarray(read((slice(None),) * len(shape)))


def load(weights_file: str | os.PathLike[str], **options: Any) -> Model:
    """Build the model of a weights file, its parameters on one device; arguments as `load_parts`.

    Raises:
      InputError: as `load_parts`.
    """
    model, params = load_parts(weights_file, **options)
    graph, state = nnx.split(model, nnx.Param)
    filled = {
        path: variable.replace(params["/".join(map(str, path))])
        for path, variable in nnx.to_flat_state(state)
    }
    return nnx.merge(graph, nnx.from_flat_state(filled))


def load_parts(
    weights_file: str | os.PathLike[str],
    *,
    num_labels: int | None = None,
    image_size: int = 224,
    resample_at: str = "load",
    dtype: jnp.dtype = jnp.float32,
    remat: bool = False,
    matmul_precision: str | None = None,
    attention: Literal["cudnn", "xla"] | None = None,
    seed: int = 0,
    spec: ModelSpec | None = None,
    place: Place = on_one_device,
) -> tuple[Model, dict[str, jax.Array]]:
    """Return the model of a weights file without its numbers, and these by path.

    Args:
      weights_file: written by `python -m convert import`, or by a training run.
      num_labels: outputs of a fresh linear head, drawn from `seed`, in place of any head that the
        file has. None keeps the file's head, or its lack of one.
      image_size: side of the images in pixels.
      resample_at: `load` resamples the position table once to the grid of `image_size`; `forward`
        keeps its native size and resamples in each forward pass, so that training moves the
        native table through the resampling, as in the study. At the first step both are the same
        function.
      dtype: of the computation.
      remat: recompute blocks in the backward pass, to save memory.
      matmul_precision: as of `ViT`.
      attention: as of `ViT`.
      seed: of a fresh head.
      spec: what the model is, where the experiment changes what the file says of pooling or of
        partial patches.
      place: makes each parameter where it is wanted.

    Raises:
      InputError: the file is missing or damaged, or its tensors are not those of its spec; the
        message lists every missing, extra and misshapen one.
    """
    header = read_header(weights_file)
    if resample_at not in ("load", "forward"):
        raise InputError(f"resample_at is {resample_at!r}; choose load or forward")
    shapes, kept = _shapes_of_model(header, fresh_head=num_labels is not None)
    spec = header.spec if spec is None else spec
    check_shapes(str(weights_file), shapes, spec, kept)
    params = {}
    with opened(weights_file) as file:
        parts: dict[str, Any] = {path: file.get_slice(path) for path in shapes}
        if resample_at == "load" and isinstance(spec, ViTSpec):
            parts, spec = _resampled(weights_file, parts, spec, image_size)
        for path, part in parts.items():
            shape = tuple(part.shape if isinstance(part, np.ndarray) else part.get_shape())
            params[path] = place(shape, partial(_float32, weights_file, path, part))
    if num_labels is not None:
        head = nnx.to_pure_dict(nnx.state(new_head(spec.width, num_labels, nnx.Rngs(seed))))
        for name, drawn in head.items():
            whole = np.asarray(drawn)
            params[f"head/{name}"] = place(whole.shape, whole.__getitem__)
    model = nnx.eval_shape(
        lambda: build_model(
            spec,
            num_labels=kept if num_labels is None else num_labels,
            image_size=image_size,
            dtype=dtype,
            remat=remat,
            matmul_precision=matmul_precision,
            attention=attention,
            rngs=nnx.Rngs(0),
        )
    )
    return model, flatten(unflatten(params))


def _shapes_of_model(header: Header, *, fresh_head: bool) -> tuple[Shapes, int | None]:
    """Shapes of the tensors that the model takes from its file, and the outputs of its head."""
    kept = header.shapes["head/bias"][0] if "head/bias" in header.shapes else None
    left = (EXTRA, "head/") if fresh_head else (EXTRA,)
    shapes = {path: shape for path, shape in header.shapes.items() if not path.startswith(left)}
    return shapes, None if fresh_head else kept


def _resampled(
    weights_file: str | os.PathLike[str],
    parts: dict[str, Any],
    spec: ViTSpec,
    image_size: int,
) -> tuple[dict[str, Any], ViTSpec]:
    """Bring a position table, where there is one, to the grid of images of this size."""
    grid = spec.grid(image_size)
    if not spec.table_rows or grid == spec.native_grid:
        return parts, spec
    class_row = spec.position_table == "class_and_patches"
    table = check_numbers(weights_file, "position_table", parts["position_table"][...])
    table = resample_table(table, spec.resample_rule, grid, class_row)
    return parts | {"position_table": table}, replace(spec, native_image_size=image_size)


def _float32(
    weights_file: str | os.PathLike[str], path: str, part: Any, index: Index
) -> np.ndarray:
    return np.asarray(check_numbers(weights_file, path, part[index]), np.float32)
