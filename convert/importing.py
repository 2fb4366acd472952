"""Turn a checkpoint file into a weights file: strictly, and with every fact written down."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convert.checkpoints import CHECKPOINTS, Checkpoint
from convert.layouts import Layout, Row
from convert.recognise import Dimensions, Named, candidates, measure, read_names, recognise
from convert.sources import Source, Tensor
from convert.transforms import TRANSFORMS
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.model import ViTSpec, resample_table
from jaxcxr.model.weights import EXTRA, expected_shapes

FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Imported:
    """What a checkpoint became.

    Attributes:
      spec: the model.
      tensors: under our paths.
      provenance: for the weights file.
      notes: what the user should read: assumptions, ambiguities, what was left out.
    """

    spec: ViTSpec
    tensors: dict[str, np.ndarray]
    provenance: dict[str, Any]
    notes: tuple[str, ...]


def import_checkpoint(
    source: Source,
    *,
    name: str,
    checkpoint: str | None = None,
    rule: str | None = None,
    image_size: int | None = None,
    keep_head: bool = False,
    labels: tuple[str, ...] | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Imported:
    """Convert an open source.

    Args:
      source: the file.
      name: what the user called it, for messages and provenance.
      checkpoint: the row of the table of checkpoints whose facts hold; found from the shapes if
        not given.
      rule: how the position table will be resampled, in place of the row's own rule.
      image_size: resample the position table to images of this side now; native size if None.
      keep_head: keep the file's classification head.
      labels: the names of the kept head's outputs.
      fields: facts of the model that replace those of the table, by field of `ViTSpec`.

    Raises:
      InputError: the keys are of no known layout, or the tensors are not exactly those of the
        model: every missing, extra, misshapen and non-finite one is listed.
    """
    found = recognise(name, source.tensors)
    named = read_names(found.layout, source.tensors, keep_head=keep_head)
    dimensions = measure(named, source.tensors)
    known = _known(checkpoint, dimensions)
    if rule is not None:
        fields = {"resample_rule": rule} | dict(fields or {})
    spec, assumed = _spec(name, named.layout, dimensions, known, dict(fields or {}))
    num_labels = dimensions.labels if keep_head else None
    if keep_head and num_labels is None:
        raise InputError(f"{name}: there is no head in it to keep; leave out --keep-head")
    if labels is not None and len(labels) != num_labels:
        raise InputError(f"{name}: {len(labels)} label names for a head of {num_labels} outputs")
    tensors = _convert(name, named, source.tensors, spec, num_labels)
    provenance = {
        "source": name,
        "source_sha256": source.sha256,
        "checkpoint": known[0].name if len(known) == 1 else None,
        "licence": known[0].licence if len(known) == 1 else None,
        "layout": named.layout.name,
        "source_dtype": sorted({str(t.dtype) for t in tensors.values()}),
        "resample_rule": spec.resample_rule,
        "resampled": None,
        "left_out": sorted(named.left_out),
        "labels": list(labels) if labels is not None else None,
        "assumed": assumed,
        "tool": f"jaxcxr {__version__}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    if image_size is not None and spec.grid(image_size) != spec.native_grid:
        provenance["resampled"] = {"from": spec.native_image_size, "to": image_size}
        tensors["position_table"] = resample_table(
            tensors["position_table"].astype(np.float32),
            spec.resample_rule,
            spec.grid(image_size),
            spec.position_table == "class_and_patches",
        )
        spec = replace(spec, native_image_size=image_size)
    return Imported(spec, tensors, provenance, _notes(named, known, assumed))


def _known(checkpoint: str | None, dimensions: Dimensions) -> list[Checkpoint]:
    if checkpoint is None:
        return candidates(dimensions)
    by_any_name = {
        alias: row for row in CHECKPOINTS.values() for alias in (row.name, *row.names.values())
    }
    if checkpoint not in by_any_name:
        raise InputError(
            f"checkpoint {checkpoint!r} is not in the table; choose one of {', '.join(CHECKPOINTS)}"
        )
    return [by_any_name[checkpoint]]


def _spec(
    name: str,
    layout: Layout,
    dimensions: Dimensions,
    known: list[Checkpoint],
    fields: dict[str, Any],
) -> tuple[ViTSpec, dict[str, Any]]:
    """The model of the file, and those of its facts that neither file nor table vouches for."""
    if known:
        spec = known[0].spec_of(layout.family)
        assumed = {
            key: value
            for key, value in spec.to_dict().items()
            if any(other.spec_of(layout.family).to_dict()[key] != value for other in known)
        }
        grid = dimensions.grid or spec.native_grid
        seen = {
            "native_image_size": grid * spec.patch_size,
            "position_table": dimensions.position_table if dimensions.grid else spec.position_table,
        }
        spec = ViTSpec.from_dict(spec.to_dict() | seen | fields)
        return spec, {key: value for key, value in assumed.items() if key not in fields}
    width = dimensions.width or 1
    if "heads" not in fields and dimensions.heads is None and width % 64:
        raise InputError(
            f"{name}: width {width} is of no known checkpoint and its attention heads cannot be "
            "read off the file; state them with --set heads=N"
        )
    patch_size = dimensions.patch_size or 16
    seen = {
        "patch_size": patch_size,
        "width": width,
        "depth": max(dimensions.depth, 1),
        "heads": dimensions.heads or width // 64,
        "mlp_width": dimensions.mlp_width or 4 * width,
        "native_image_size": (dimensions.grid or 14) * patch_size,
        "layer_scale": dimensions.layer_scale,
        "register_tokens": dimensions.register_tokens,
        "position_table": dimensions.position_table,
        "resample_rule": "size_aa" if dimensions.register_tokens else layout.rule,
    }
    spec = ViTSpec.from_dict(seen | fields)
    assumed = {key: value for key, value in spec.to_dict().items() if key not in seen}
    if dimensions.heads is None:
        assumed["heads"] = spec.heads
    assumed["resample_rule"] = spec.resample_rule
    return spec, {key: value for key, value in assumed.items() if key not in fields}


def _convert(
    name: str,
    named: Named,
    tensors: Mapping[str, Tensor],
    spec: ViTSpec,
    num_labels: int | None,
) -> dict[str, np.ndarray]:
    """Carry every tensor over, or list everything that stands in the way."""
    expected = expected_shapes(spec, num_labels)
    missing, misshapen, not_finite = [], [], []
    unknown = list(named.unknown)
    converted = {}
    wanted: set[str] = set()
    for ours, row, theirs in _wanted_rows(named, expected):
        transform = TRANSFORMS[row.transform]
        wanted.update(theirs)
        shapes = _their_shapes(row, expected.get(ours), theirs, spec.heads)
        parts = []
        for key, shape in zip(theirs, shapes, strict=True):
            if key not in named.keys:
                missing.append(key)
                continue
            tensor = tensors[named.keys[key]]
            if shape is not None and tensor.shape != shape:
                misshapen.append(f"{named.keys[key]} is {tensor.shape}, not {shape}")
            elif tensor.dtype not in FLOATS:
                misshapen.append(f"{named.keys[key]} is {tensor.dtype}, not floating point")
            else:
                parts.append(tensor.read())
                if not np.isfinite(parts[-1]).all():
                    not_finite.append(named.keys[key])
        if len(parts) == len(theirs):
            converted[ours] = np.ascontiguousarray(transform.to_ours(parts, spec.heads))
    unknown += [file_key for key, file_key in named.keys.items() if key not in wanted]
    problems = {
        "missing": missing,
        "extra": unknown,
        "misshapen": misshapen,
        "NaN or infinite": not_finite,
    }
    if any(problems.values()):
        listed = "; ".join(f"{what}: {', '.join(keys)}" for what, keys in problems.items() if keys)
        raise InputError(
            f"{name}: not the tensors of a {named.layout.library} model of width {spec.width} and "
            f"depth {spec.depth}; {listed}"
        )
    return converted


def _wanted_rows(named: Named, expected: Mapping[str, Any]) -> list[tuple[str, Row, list[str]]]:
    """Each of our parameters with its row and their names: all required ones, and extras found."""
    depth = 1 + max((int(p.split("/")[1]) for p in expected if p.startswith("blocks/")), default=-1)
    wanted = []
    for row in named.layout.rows:
        for n in range(depth) if "{n}" in row.ours else (None,):
            ours = row.ours.replace("{n}", str(n))
            theirs = [key.replace("{n}", str(n)) for key in row.theirs]
            extra = row.ours.startswith(EXTRA) and any(key in named.keys for key in theirs)
            if ours in expected or extra:
                wanted.append((ours, row, theirs))
    return wanted


def _their_shapes(
    row: Row, ours: tuple[int, ...] | None, theirs: list[str], heads: int
) -> list[tuple[int, ...] | None]:
    if ours is None:
        return [None] * len(theirs)
    empty = np.broadcast_to(np.float32(0), ours)
    return [tuple(part.shape) for part in TRANSFORMS[row.transform].to_theirs(empty, heads)]


def _notes(named: Named, known: list[Checkpoint], assumed: Mapping[str, Any]) -> tuple[str, ...]:
    notes = []
    if len(known) > 1:
        names = ", ".join(row.name for row in known)
        notes.append(
            f"its keys and shapes fit {names}; the facts of {known[0].name} are used"
            + (f", of which {_facts(assumed)} differ" if assumed else ", which all share")
            + "; say which it is with --checkpoint NAME"
        )
    if not known:
        notes.append(
            f"of no known checkpoint; assumed {_facts(assumed)}; change one with --set FIELD=VALUE"
        )
    if named.left_out:
        notes.append(f"left out: {', '.join(sorted(named.left_out))}")
    return tuple(notes)


def _facts(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items())
