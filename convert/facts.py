"""Decide what model a file holds: what its shapes say, what the table knows, what is assumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convert.beside import Beside
from convert.candidates import SIZES, find_rows
from convert.checkpoint import Checkpoint
from convert.layouts import Layout
from convert.recognise import Dimensions, Named
from convert.transforms import heads_of
from convert.unknown import unknown_model
from jaxcxr.errors import InputError
from jaxcxr.model import ModelSpec, spec_from_dict
from jaxcxr.model.architectures import SPECS

# Fields that no tensor's size tells.
UNSEEN = {
    "vit": ("heads", "layernorm_epsilon", "gelu", "resample_rule", "pixel_mean", "pixel_std"),
    "convnext": (
        *("layernorm_epsilon", "final_layernorm_epsilon", "gelu"),
        *("pixel_mean", "pixel_std"),
    ),
}


@dataclass(frozen=True)
class Facts:
    """The model of a file.

    Attributes:
      spec: the model.
      known: the rows of the table that it may be; the facts are those of the first.
      recognised: by what the first row is this very checkpoint, `name` or `sha256`; empty where
        only sizes and keys fit it.
      assumed: fields of `spec` that nothing vouches for, or on which `known` disagree.
      unproved: fields that neither the file, nor what lies beside it, nor its identity tells.
      notes: what the user should know of that.
    """

    spec: ModelSpec
    known: tuple[Checkpoint, ...]
    recognised: str
    assumed: Mapping[str, Any]
    unproved: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The row, where the file is recognised as it."""
        return self.known[0] if self.recognised else None


def decide(
    source: str,
    named: Named,
    dimensions: Dimensions,
    checkpoint: str | None,
    fields: Mapping[str, Any],
    beside: Beside = Beside(),  # noqa: B008  it cannot be changed
    sha256: str = "",
) -> Facts:
    """Decide the model of a file.

    Of what is said of one field, what the user states goes first, then the file, what lies beside
    it, and the table of checkpoints; that a later one differs is noted.

    Args:
      source: what the user called it.
      named: its keys.
      dimensions: what its shapes say.
      checkpoint: the row that it is by its name, or by the user's word.
      fields: fields of the spec that the user states.
      beside: what lies beside the file.
      sha256: of the file.

    Raises:
      InputError: the checkpoint is not in the table, a field is impossible, a needed one is
        neither in the file nor stated, or what lies beside the file contradicts it.
    """
    layout = named.layout
    _check_sizes(source, layout, dimensions, beside, fields)
    known, recognised = find_rows(source, named, dimensions, checkpoint, beside, sha256)
    if recognised and "heads" not in fields:
        _check_heads(source, known[0], beside)
    has = {field.name for field in dataclasses.fields(SPECS[layout.architecture])}
    has -= set() if layout.rope else {"rope_periods"}
    of_beside = {k: v for k, v in beside.fields.items() if k in has}
    if known:
        specs = [row.spec_of(layout.family).to_dict() for row in known]
        of_file = _of_file(layout, dimensions, known[0].spec_of(layout.family))
        base = specs[0]
        spec = spec_from_dict(base | of_beside | of_file | dict(fields))
        vouched = {*of_file, *of_beside, *fields}
        doubted = {key for key in base if any(s[key] != base[key] for s in specs)}
        assumed = {k: v for k, v in spec.to_dict().items() if k in doubted - vouched}
    else:
        spec, assumed = unknown_model(source, layout, dimensions, fields, of_beside)
        base, of_file = spec.to_dict(), {}
    hidden = [
        k for k in UNSEEN[layout.architecture] if layout.rope is False or k != "resample_rule"
    ]
    told = {*of_beside, *({"heads"} if dimensions.heads else ())}
    unproved = () if recognised else tuple(k for k in hidden if k not in told)
    unproved = tuple(k for k in hidden if k in fields or k in unproved)
    said = _contradictions(spec, base, beside, of_file, fields) if known else []
    described = _describe(known, recognised, assumed)
    return Facts(spec, tuple(known), recognised, assumed, unproved, (*described, *said))


def _check_sizes(
    source: str,
    layout: Layout,
    dimensions: Dimensions,
    beside: Beside,
    fields: Mapping[str, Any],
) -> None:
    names = (*SIZES[layout.architecture], "heads")
    seen = {name: getattr(dimensions, name) for name in names}
    if dimensions.grid and dimensions.patch_size:
        seen["native_image_size"] = dimensions.grid * dimensions.patch_size
    wrong = [
        f"{name} {beside.fields[name]} where its tensors have {size}"
        for name, size in seen.items()
        if name not in fields and size is not None and beside.fields.get(name, size) != size
    ]
    if wrong and dimensions.depth:
        files = " and ".join(sorted(set(beside.files.values())))
        raise InputError(
            f"{source}: {files} beside it says {', '.join(wrong)}; if that describes another "
            "model, put the weights into a folder of their own"
        )


def _check_heads(source: str, row: Checkpoint, beside: Beside) -> None:
    heads = beside.fields.get("heads", heads_of(row.spec))
    if heads != heads_of(row.spec):
        raise InputError(
            f"{source}: {beside.files['heads']} beside it says {heads} heads where {row.name} has "
            f"{heads_of(row.spec)}; state which with --set heads=N, or leave out --checkpoint"
        )


def _contradictions(
    spec: ModelSpec,
    base: Mapping[str, Any],
    beside: Beside,
    of_file: Mapping[str, Any],
    fields: Mapping[str, Any],
) -> list[str]:
    """Where what lies beside the file is not what is used, or not what the table has."""
    said, used = [], spec.to_dict()
    for name in set(beside.fields) & set(used) - set(of_file):
        value, ours, table = (_short(v) for v in (beside.fields[name], used[name], base[name]))
        file = f"{beside.files[name]} beside it says {name} {value}"
        if value != ours and name in fields:
            said.append(f"{file}; {ours} is used, as stated")
        elif value == ours != table:
            said.append(f"{file}, which is used; the table of checkpoints has {table}")
    return sorted(said)


def _of_file(layout: Layout, dimensions: Dimensions, spec: ModelSpec) -> dict[str, Any]:
    """The fields that a file may change against its row: its image size and the table's form."""
    if layout.architecture == "convnext":
        return {}
    fields: dict[str, Any] = {"qkv_bias": dimensions.qkv_bias}
    if dimensions.grid:
        fields["native_image_size"] = dimensions.grid * spec.patch_size
        fields["position_table"] = dimensions.position_table
    if dimensions.rope_periods:
        fields["rope_periods"] = dimensions.rope_periods
    return fields


def _describe(known: list[Checkpoint], recognised: str, assumed: Mapping[str, Any]) -> list[str]:
    """What the user should know of what a file was taken for."""
    listed = ", ".join(f"{key} {_short(value)}" for key, value in assumed.items())
    if not known:
        return [f"of no known checkpoint; assumed {listed}; change one with --set FIELD=VALUE"]
    first = known[0]
    note = [f"{first.name}: {first.note}"] if first.note and len(known) == 1 else []
    if recognised:
        return note
    if len(known) == 1:
        return [
            f"its keys and shapes fit {first.name}, whose facts are used; that makes it a "
            "candidate and no more, so no licence is stated; if it is that checkpoint, say so with "
            f"--checkpoint {first.name}",
            *note,
        ]
    names = ", ".join(row.name for row in known)
    differ = f", which differ in {', '.join(assumed)}" if assumed else ""
    values = f" ({listed})" if listed else ""
    return [
        f"its keys and shapes fit {names}{differ}; the facts of {first.name} are used{values}; say "
        "which it is with --checkpoint NAME"
    ]


def _short(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
