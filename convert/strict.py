"""Carry tensors from one layout to ours: all of them, or a list of everything in the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convert.layouts import Layout, Row
from convert.layouts.table import name_blocks, places_of
from convert.recognise import Named
from convert.tensor import Tensor
from convert.transforms import TRANSFORMS, heads_of
from jaxcxr.errors import InputError
from jaxcxr.model import ModelSpec
from jaxcxr.model.shapes import expected_shapes
from jaxcxr.model.weights import EXTRA

FLOATS = ("float16", "bfloat16", "float32", "float64")
# What some models have and this one cannot express, by how their keys begin.
FOREIGN = {
    "fc_norm.": "it pools the mean of the patch tokens, this model the class token",
    "MAPHead_0/": "it pools by attention, this model the class token",
}


def convert(
    source: str,
    named: Named,
    tensors: Mapping[str, Tensor],
    spec: ModelSpec,
    num_labels: int | None,
) -> dict[str, np.ndarray]:
    """Return our tensors, in the dtypes of the file.

    Raises:
      InputError: lists every missing, extra, misshapen and non-finite tensor under the names that
        the file has or should have.
    """
    expected = expected_shapes(spec, num_labels)
    problems: dict[str, list[str]] = {
        "missing": [],
        "extra": list(named.unknown),
        "misshapen": [],
        "NaN or infinite": [],
    }
    converted = {}
    wanted: set[str] = set()
    for ours, row, theirs in wanted_rows(named.layout, spec, expected, named.keys):
        wanted.update(theirs)
        parts = []
        for key, shape in zip(theirs, _shapes(row, expected.get(ours), theirs, spec), strict=True):
            if key not in named.keys:
                problems["missing"].append(key)
                continue
            name = named.keys[key]
            tensor = tensors[name]
            if shape is not None and tensor.shape != shape:
                problems["misshapen"].append(f"{name} is {tensor.shape}, not {shape}")
            elif tensor.dtype not in FLOATS:
                problems["misshapen"].append(f"{name} is {tensor.dtype}, not floating point")
            elif not _finite(part := tensor.read()):
                problems["NaN or infinite"].append(name)
            else:
                parts.append(part)
        if len(parts) == len(theirs) and not any(problems.values()):
            ours_tensor = TRANSFORMS[row.transform].to_ours(parts, heads_of(spec))
            converted[ours] = np.ascontiguousarray(ours_tensor)
    problems["extra"] += [name for key, name in named.keys.items() if key not in wanted]
    if any(problems.values()):
        raise InputError(_sentence(source, named.layout, spec, problems))
    return converted


def _finite(array: np.ndarray) -> bool:
    # Any NaN or infinity shows in the extremes, without a mask as large as the array.
    with np.errstate(invalid="ignore"):
        return not array.size or bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def wanted_rows(
    layout: Layout, spec: ModelSpec, expected: Mapping[str, Any], present: Mapping[str, Any]
) -> list[tuple[str, Row, list[str]]]:
    """Each parameter that a model needs, with its row and their names, and the extras present."""
    places = places_of(spec)
    wanted = []
    for row in layout.rows:
        for ours, theirs in name_blocks(row, places):
            is_extra = row.ours.startswith(EXTRA) and any(key in present for key in theirs)
            if ours in expected or is_extra:
                wanted.append((ours, row, theirs))
    return wanted


def _shapes(
    row: Row, ours: tuple[int, ...] | None, theirs: list[str], spec: ModelSpec
) -> list[tuple[int, ...] | None]:
    if ours is None:
        return [None] * len(theirs)
    empty = np.broadcast_to(np.float32(0), ours)
    return [
        tuple(part.shape) for part in TRANSFORMS[row.transform].to_theirs(empty, heads_of(spec))
    ]


def _sentence(
    source: str, layout: Layout, spec: ModelSpec, problems: Mapping[str, list[str]]
) -> str:
    listed = "; ".join(f"{what}: {', '.join(names)}" for what, names in problems.items() if names)
    why = [
        reason
        for start, reason in FOREIGN.items()
        if any(name.startswith(start) for name in problems["extra"])
    ]
    return (
        f"{source}: not the tensors of a {layout.library} of width {spec.width} and depth "
        f"{spec.depth}; {listed}" + "".join(f" ({reason})" for reason in why)
    )
