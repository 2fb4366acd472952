"""Decide what model a file holds: what its shapes say, what the table knows, what is assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from convert.checkpoints import CHECKPOINTS, Checkpoint, find_checkpoint
from convert.layouts import Layout
from convert.recognise import Dimensions, Named
from jaxcxr.errors import InputError
from jaxcxr.model import ViTSpec
from jaxcxr.model.rope import rope_periods


@dataclass(frozen=True)
class Facts:
    """The model of a file.

    Attributes:
      spec: the model.
      known: the rows of the table that it may be; the facts are those of the first.
      assumed: fields of `spec` that nothing vouches for, or on which `known` disagree.
    """

    spec: ViTSpec
    known: tuple[Checkpoint, ...]
    assumed: Mapping[str, Any]

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The row, where there is only one."""
        return self.known[0] if len(self.known) == 1 else None


def decide(
    source: str,
    named: Named,
    dimensions: Dimensions,
    checkpoint: str | None,
    fields: Mapping[str, Any],
) -> Facts:
    """Decide the model of a file.

    Args:
      source: what the user called it.
      named: its keys.
      dimensions: what its shapes say.
      checkpoint: the row that the user says it is.
      fields: fields of `ViTSpec` that the user states.

    Raises:
      InputError: the checkpoint is not in the table, a field is impossible, or a needed one is
        neither in the file nor stated.
    """
    layout = named.layout
    if checkpoint is not None:
        row = find_checkpoint(checkpoint)
        if row is None:
            raise InputError(
                f"checkpoint {checkpoint!r} is not in the table; one of {', '.join(CHECKPOINTS)}"
            )
        known = [row]
    else:
        known = candidates(named, dimensions)
    if not known:
        return _unknown(source, layout, dimensions, fields)
    specs = [row.spec_of(layout.family).to_dict() for row in known]
    of_file = _of_file(layout, dimensions, known[0].spec_of(layout.family))
    spec = ViTSpec.from_dict(specs[0] | of_file | dict(fields))
    assumed = {
        key: value
        for key, value in spec.to_dict().items()
        if key not in of_file and key not in fields and any(s[key] != specs[0][key] for s in specs)
    }
    return Facts(spec, tuple(known), assumed)


def candidates(named: Named, dimensions: Dimensions) -> list[Checkpoint]:
    """The rows of these dimensions and this library, at whatever image size the table is for."""
    names = ("width", "depth", "mlp_width", "patch_size", "layer_scale", "register_tokens")
    fitting = [
        row
        for row in CHECKPOINTS.values()
        if named.layout.family in row.names
        and named.layout.rope == bool(row.spec.rope_periods)
        and all(getattr(dimensions, n) in (None, getattr(row.spec, n)) for n in names)
        and (dimensions.labels in row.head_outputs or row.head_outputs in ((), (21843,)))
    ]
    keys = (*named.keys, *named.left_out)
    sure = [row for row in fitting if _is_sure(row, keys, dimensions.labels)]
    return sure or fitting


def _is_sure(row: Checkpoint, keys: Iterable[str], labels: int | None) -> bool:
    marked = bool(row.signs) and any(key.startswith(row.signs) for key in keys)
    return marked or (row.head_outputs == (21843,) and labels in row.head_outputs)


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
    source: str, layout: Layout, dimensions: Dimensions, fields: Mapping[str, Any]
) -> Facts:
    width = dimensions.width or 64
    if "heads" not in fields and dimensions.heads is None and width % 64:
        raise InputError(
            f"{source}: width {width} is of no known checkpoint and the number of attention heads "
            "cannot be read off the file; state it with --set heads=N"
        )
    heads = int(fields.get("heads", dimensions.heads or width // 64))
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
    if layout.rope:
        seen["rope_periods"] = dimensions.rope_periods or rope_periods(width // heads)
    assumed = dict(layout.facts)
    if dimensions.register_tokens and not layout.rope:
        assumed["resample_rule"] = "size_aa"
    spec = ViTSpec.from_dict(seen | assumed | dict(fields))
    vouched = set(seen) - (set() if dimensions.heads else {"heads"}) | set(fields)
    if layout.rope:
        vouched |= {"resample_rule"}
    return Facts(spec, (), {k: v for k, v in spec.to_dict().items() if k not in vouched})


def notes(facts: Facts) -> list[str]:
    """What the user should know of what was decided."""
    listed = ", ".join(f"{key} {_short(value)}" for key, value in facts.assumed.items())
    if len(facts.known) > 1:
        names = ", ".join(row.name for row in facts.known)
        differ = f", which differ in {', '.join(facts.assumed)}" if facts.assumed else ""
        assumed = f" ({listed})" if listed else ""
        return [
            f"its keys and shapes fit {names}{differ}; the facts of {facts.known[0].name} are "
            f"used{assumed}; say which it is with --checkpoint NAME"
        ]
    if not facts.known:
        return [f"of no known checkpoint; assumed {listed}; change one with --set FIELD=VALUE"]
    return [f"{facts.known[0].name}: {facts.known[0].note}"] if facts.known[0].note else []


def _short(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)
