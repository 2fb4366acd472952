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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
from typing_extensions import TypedDict

from jaxcxr.errors import InputError, reading
from jaxcxr.files import atomic_path, write_json
from jaxcxr.model.architectures import ModelSpec, spec_from_dict
from jaxcxr.model.shapes import expected_shapes
from jaxcxr.provenance import Provenance
from jaxcxr.small_files import parse_json

FORMAT = 1
EXTRA = "extra/"
LARGEST = 1e15  # of any weight that was ever learnt, by far; the square of it is still a number


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
    for key, value in contiguous.items():
        check_numbers(path, key, value)
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"jaxcxr": json.dumps(described)})
    write_json(path.with_suffix(".json"), described)


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read what a weights file says of itself, without its tensors.

    Raises:
      InputError: there is no such file, or it is not a weights file.
    """
    with opened(path) as file:
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
    with opened(path) as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    return {key: check_numbers(path, key, values) for key, values in tensors.items()}


def check_numbers(path: str | os.PathLike[str], tensor: str, values: np.ndarray) -> np.ndarray:
    """Return the numbers of a tensor, or a part of them, if they can be weights.

    Raises:
      InputError: one is NaN, infinite or beyond `LARGEST`.
    """
    # What is only kept for the way back may be a mask with infinities.
    if tensor.startswith(EXTRA) or values.dtype.kind not in "fV" or not values.size:
        return values
    # NumPy does not know bfloat16 as a float, and a bound as float16 would be infinite.
    with np.errstate(invalid="ignore"):
        low, high = float(values.min()), float(values.max())
    if -LARGEST <= low <= high <= LARGEST:  # not so if one is NaN
        return values
    raise InputError(
        f"{path}: {tensor} holds NaN, infinity or numbers beyond {LARGEST:g}; convert or train it "
        "again"
    )


def read_some(path: str | os.PathLike[str], prefix: str) -> dict[str, np.ndarray]:
    """Read those tensors of a weights file whose paths begin with `prefix`."""
    with opened(path) as file:
        return {key: file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a weights file to read tensors, or parts of them, within the block."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such weights file; python -m convert import makes one")
    with (
        reading(path, "a safetensors file", "convert it again"),
        safe_open(path, framework="numpy") as file,
    ):
        yield file


def check_shapes(
    source: str, shapes: Mapping[str, tuple[int, ...]], spec: ModelSpec, num_labels: int | None
) -> None:
    """Stop unless `shapes` are exactly those of the parameters of the model.

    Raises:
      InputError: lists every missing, extra and misshapen tensor of `source`.
    """
    expected = expected_shapes(spec, num_labels)
    missing = [path for path in expected if path not in shapes]
    extra = [path for path in shapes if path not in expected]
    misshapen = [
        f"{path} is {shapes[path]}, not {shape}"
        for path, shape in expected.items()
        if path in shapes and shapes[path] != shape
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
