"""The weights file: parameters under their Flax paths, and what one must know to use them.

`NAME.safetensors` holds the tensors, and in its metadata, as JSON under the key `jaxcxr`, the
model's `spec` and the `provenance` of the weights. `NAME.json` beside it repeats that metadata for
people, and holds what is measured later, for the file itself is never changed. Tensors under
`extra/` belong to the source checkpoint but not to the model (DINOv2's `mask_token`); they are kept
so that nothing is lost on the way back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import safe_open
from safetensors.numpy import save_file
from typing_extensions import TypedDict

from jaxcxr.errors import InputError, reading
from jaxcxr.files import atomic_path, write_json
from jaxcxr.model.architectures import Model, ModelSpec, build_model, spec_from_dict
from jaxcxr.model.modules import new_head
from jaxcxr.model.parameters import flatten
from jaxcxr.model.position import resample_table
from jaxcxr.model.spec import ViTSpec
from jaxcxr.provenance import Provenance
from jaxcxr.small_files import parse_json

FORMAT = 1
EXTRA = "extra/"


class Described(TypedDict):
    """The metadata of a weights file, and the `.json` beside it."""

    format: int
    spec: dict[str, Any]
    provenance: Provenance


@dataclass(frozen=True)
class Header:
    """What a weights file says of itself.

    Attributes:
      spec: the model.
      provenance: where the weights come from: source, sha256, licence, tool version, ...
      shapes: of every tensor, by path.
    """

    spec: ModelSpec
    provenance: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]


def check_weights_name(path: Path) -> None:
    """Stop where a file is not named as weights files are."""
    if path.suffix != ".safetensors":
        raise InputError(f"{path}: a weights file is named NAME.safetensors")


def write_weights(
    path: str | os.PathLike[str],
    spec: ModelSpec,
    tensors: Mapping[str, np.ndarray],
    provenance: Mapping[str, Any],
) -> None:
    """Write a weights file and the `.json` beside it, each whole or not at all."""
    path = Path(path)
    check_weights_name(path)
    described = {"format": FORMAT, "spec": spec.to_dict(), "provenance": dict(provenance)}
    contiguous = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"jaxcxr": json.dumps(described)})
    write_json(path.with_suffix(".json"), described)


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read what a weights file says of itself, without its tensors.

    Raises:
      InputError: there is no such file, or it is not a weights file.
    """
    with _opened(path) as file:
        metadata = (file.metadata() or {}).get("jaxcxr")
        if metadata is None:
            raise InputError(
                f"{path}: a safetensors file, but not a weights file of this project; "
                f"convert it first: python -m convert import {path} --out FILE"
            )
        where = f"{path}, its metadata"
        described = parse_json(metadata, Described, where, "convert or train it again")
        if described["format"] != FORMAT:
            raise InputError(
                f"{path}: weights file of format {described['format']}, but this version reads "
                f"{FORMAT}; convert the source again"
            )
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    try:
        spec = spec_from_dict(described["spec"])
    except InputError as error:
        raise InputError(f"{path}, its metadata: {error}; convert or train it again") from None
    _check_outputs(path, described["provenance"], shapes)
    return Header(spec, described["provenance"], shapes)


def _check_outputs(
    path: str | os.PathLike[str], provenance: Mapping[str, Any], shapes: Mapping[str, Any]
) -> None:
    """Stop where a head's outputs and their names are not as many, or a name stands twice."""
    labels = provenance.get("labels")
    if not labels or "head/bias" not in shapes:
        return
    outputs = shapes["head/bias"][0]
    if len(labels) != outputs or len(set(labels)) != outputs:
        raise InputError(
            f"{path}: its head has {outputs} outputs, but it names {len(labels)} labels, "
            f"{len(set(labels))} of them different; convert or train it again"
        )


def read_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read every tensor of a weights file, by path."""
    with _opened(path) as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def read_some(path: str | os.PathLike[str], prefix: str) -> dict[str, np.ndarray]:
    """Read those tensors of a weights file whose paths begin with `prefix`."""
    with _opened(path) as file:
        return {key: file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such weights file; python -m convert import makes one")
    with (
        reading(path, "a safetensors file", "convert it again"),
        safe_open(path, framework="numpy") as file,
    ):
        yield file


def load(
    weights_file: str | os.PathLike[str],
    *,
    num_labels: int | None = None,
    image_size: int = 224,
    resample_at: str = "load",
    dtype: jnp.dtype = jnp.float32,
    remat: bool = False,
    seed: int = 0,
    spec: ModelSpec | None = None,
) -> Model:
    """Build the model of a weights file.

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
      seed: of a fresh head.
      spec: what the model is, where the experiment changes what the file says of pooling or of
        partial patches.

    Raises:
      InputError: the file is missing or damaged, or its tensors are not those of its spec; the
        message lists every missing, extra and misshapen one.
    """
    header = read_header(weights_file)
    tensors: dict[str, Any] = {
        k: v for k, v in read_tensors(weights_file).items() if not k.startswith(EXTRA)
    }
    spec = header.spec if spec is None else spec
    if resample_at not in ("load", "forward"):
        raise InputError(f"resample_at is {resample_at!r}; choose load or forward")
    kept_head = tensors["head/bias"].shape[0] if "head/bias" in tensors else None
    labels = kept_head if num_labels is None else num_labels
    if num_labels is not None:
        tensors = {k: v for k, v in tensors.items() if not k.startswith("head/")}
    build = _builder(spec, labels, image_size, dtype, remat)
    check_tensors(str(weights_file), tensors, spec, labels if num_labels is None else None)
    if resample_at == "load" and isinstance(spec, ViTSpec):
        tensors, spec = _resampled(tensors, spec, image_size)
        build = _builder(spec, labels, image_size, dtype, remat)
    if num_labels is not None:
        head = new_head(spec.width, num_labels, nnx.Rngs(seed))
        tensors |= {f"head/{k}": v for k, v in nnx.to_pure_dict(nnx.state(head)).items()}
    graph, state = nnx.split(nnx.eval_shape(build), nnx.Param)
    filled = {
        path: variable.replace(jnp.asarray(tensors["/".join(map(str, path))], jnp.float32))
        for path, variable in nnx.to_flat_state(state)
    }
    return nnx.merge(graph, nnx.from_flat_state(filled))


def _resampled(
    tensors: dict[str, Any], spec: ViTSpec, image_size: int
) -> tuple[dict[str, Any], ViTSpec]:
    """Bring a position table, where there is one, to the grid of images of this size."""
    grid = spec.grid(image_size)
    if not spec.table_rows or grid == spec.native_grid:
        return tensors, spec
    class_row = spec.position_table == "class_and_patches"
    table = resample_table(tensors["position_table"], spec.resample_rule, grid, class_row)
    return tensors | {"position_table": table}, replace(spec, native_image_size=image_size)


def _builder(
    spec: ModelSpec,
    labels: int | None,
    image_size: int,
    dtype: jnp.dtype = jnp.float32,
    remat: bool = False,
) -> Callable[[], Model]:
    return lambda: build_model(
        spec,
        num_labels=labels,
        image_size=image_size,
        dtype=dtype,
        remat=remat,
        rngs=nnx.Rngs(0),
    )


def expected_shapes(spec: ModelSpec, num_labels: int | None) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter of a model, by path, at its native image size."""
    build = _builder(spec, num_labels, spec.native_image_size)
    _, state = nnx.split(nnx.eval_shape(build), nnx.Param)
    leaves = flatten(nnx.to_pure_dict(state))
    return {path: tuple(leaf.shape) for path, leaf in leaves.items()}


def check_tensors(
    source: str, tensors: Mapping[str, np.ndarray], spec: ModelSpec, num_labels: int | None
) -> None:
    """Stop unless `tensors` are exactly the parameters of the model.

    Raises:
      InputError: lists every missing, extra and misshapen tensor of `source`.
    """
    expected = expected_shapes(spec, num_labels)
    missing = [path for path in expected if path not in tensors]
    extra = [path for path in tensors if path not in expected]
    misshapen = [
        f"{path} is {tensors[path].shape}, not {shape}"
        for path, shape in expected.items()
        if path in tensors and tuple(tensors[path].shape) != shape
    ]
    if missing or extra or misshapen:
        found = [
            f"{name}: {', '.join(paths)}"
            for name, paths in (("missing", missing), ("extra", extra), ("misshapen", misshapen))
            if paths
        ]
        raise InputError(
            f"{source}: its tensors are not those of the model it describes; " + "; ".join(found)
        )
