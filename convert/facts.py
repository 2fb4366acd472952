"""Decide what model a file holds: what its shapes say, what the table knows, what is assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convert.beside import Beside
from convert.candidates import SIZES, find_rows
from convert.checkpoints import Checkpoint
from convert.layouts import Layout
from convert.recognise import Dimensions, Named
from jaxcxr.errors import InputError
from jaxcxr.model import ViTSpec
from jaxcxr.model.spec import rope_periods

# Fields that no tensor's size tells.
UNSEEN = ("heads", "layernorm_epsilon", "gelu", "resample_rule", "pixel_mean", "pixel_std")


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

    spec: ViTSpec
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
      fields: fields of `ViTSpec` that the user states.
      beside: what lies beside the file.
      sha256: of the file.

    Raises:
      InputError: the checkpoint is not in the table, a field is impossible, a needed one is
        neither in the file nor stated, or what lies beside the file contradicts it.
    """
    layout = named.layout
    _check_sizes(source, dimensions, beside, fields)
    known, recognised = find_rows(source, named, dimensions, checkpoint, beside, sha256)
    if recognised and "heads" not in fields:
        _check_heads(source, known[0], beside)
    of_beside = {k: v for k, v in beside.fields.items() if k != "rope_periods" or layout.rope}
    if known:
        specs = [row.spec_of(layout.family).to_dict() for row in known]
        of_file = _of_file(layout, dimensions, known[0].spec_of(layout.family))
        base = specs[0]
        spec = ViTSpec.from_dict(base | of_beside | of_file | dict(fields))
        vouched = {*of_file, *of_beside, *fields}
        doubted = {key for key in base if any(s[key] != base[key] for s in specs)}
        assumed = {k: v for k, v in spec.to_dict().items() if k in doubted - vouched}
    else:
        spec, assumed = _unknown(source, layout, dimensions, fields, of_beside)
        base, of_file = spec.to_dict(), {}
    hidden = [k for k in UNSEEN if layout.rope is False or k != "resample_rule"]
    told = {*of_beside, *({"heads"} if dimensions.heads else ())}
    unproved = () if recognised else tuple(k for k in hidden if k not in told)
    unproved = tuple(k for k in hidden if k in fields or k in unproved)
    said = _contradictions(spec, base, beside, of_file, fields) if known else []
    described = _describe(known, recognised, assumed)
    return Facts(spec, tuple(known), recognised, assumed, unproved, (*described, *said))


def _check_sizes(
    source: str, dimensions: Dimensions, beside: Beside, fields: Mapping[str, Any]
) -> None:
    seen = {name: getattr(dimensions, name) for name in (*SIZES, "heads")}
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
    heads = beside.fields.get("heads", row.spec.heads)
    if heads != row.spec.heads:
        raise InputError(
            f"{source}: {beside.files['heads']} beside it says {heads} heads where {row.name} has "
            f"{row.spec.heads}; state which with --set heads=N, or leave out --checkpoint"
        )


def _contradictions(
    spec: ViTSpec,
    base: Mapping[str, Any],
    beside: Beside,
    of_file: Mapping[str, Any],
    fields: Mapping[str, Any],
) -> list[str]:
    """Where what lies beside the file is not what is used, or not what the table has."""
    said, used = [], spec.to_dict()
    for name in set(beside.fields) - set(of_file):
        value, ours, table = (_short(v) for v in (beside.fields[name], used[name], base[name]))
        file = f"{beside.files[name]} beside it says {name} {value}"
        if value != ours and name in fields:
            said.append(f"{file}; {ours} is used, as stated")
        elif value == ours != table:
            said.append(f"{file}, which is used; the table of checkpoints has {table}")
    return sorted(said)


def _of_file(layout: Layout, dimensions: Dimensions, spec: ViTSpec) -> dict[str, Any]:
    """The fields that a file may change against its row: its image size and the table's form."""
    fields: dict[str, Any] = {"qkv_bias": dimensions.qkv_bias}
    if dimensions.grid:
        fields["native_image_size"] = dimensions.grid * spec.patch_size
        fields["position_table"] = dimensions.position_table
    if dimensions.rope_periods:
        fields["rope_periods"] = dimensions.rope_periods
    return fields


def _unknown(
    source: str,
    layout: Layout,
    dimensions: Dimensions,
    fields: Mapping[str, Any],
    of_beside: Mapping[str, Any],
) -> tuple[ViTSpec, dict[str, Any]]:
    """The model of a file that fits no row, and what of it is assumed."""
    width = dimensions.width or 64
    stated = dict(of_beside) | dict(fields)
    if "heads" not in stated and dimensions.heads is None and width % 64:
        raise InputError(
            f"{source}: width {width} is of no known checkpoint and the number of attention heads "
            "cannot be read off the file; state it with --set heads=N"
        )
    heads = int(stated.get("heads", dimensions.heads or width // 64))
    patch_size = dimensions.patch_size or 16
    seen: dict[str, Any] = {
        "patch_size": patch_size,
        "width": width,
        "depth": max(dimensions.depth, 1),
        "heads": heads,
        "mlp_width": dimensions.mlp_width or 4 * width,
        "native_image_size": (dimensions.grid or 14) * patch_size,
        "layer_scale": dimensions.layer_scale,
        "register_tokens": dimensions.register_tokens,
        "position_table": "none" if layout.rope else dimensions.position_table,
        "qkv_bias": dimensions.qkv_bias,
    }
    of_file = {k for k in seen if k != "heads" or dimensions.heads}
    if layout.rope:
        seen["rope_periods"] = rope_periods(width // heads)
        if dimensions.grid is None:
            of_file.discard("native_image_size")
    if layout.rope and dimensions.rope_periods:
        seen["rope_periods"] = dimensions.rope_periods
        of_file.add("rope_periods")
    assumed = dict(layout.facts)
    if dimensions.register_tokens and not layout.rope:
        assumed["resample_rule"] = "size_aa"
    told = {k: v for k, v in of_beside.items() if k not in of_file}
    spec = ViTSpec.from_dict(seen | assumed | told | dict(fields))
    vouched = (set(seen) - (set() if dimensions.heads else {"heads"})) | set(stated)
    if layout.rope:
        vouched |= {"resample_rule"}
    return spec, {k: v for k, v in spec.to_dict().items() if k not in vouched}


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
