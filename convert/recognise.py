"""Tell from the keys and shapes of a file whose names it uses and what model it holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isqrt

from convert.layouts import LAYOUTS, Layout, Row
from convert.layouts.table import Place, count_blocks, find_place
from convert.tensor import Tensor
from jaxcxr.errors import InputError

ROPE_PERIODS = "extra/rope_periods"
# What has the width of its stage, by which most of them tell it.
OF_WIDTH = tuple(
    f"blocks/{{n}}/{path}"
    for path in ("norm/scale", "norm/bias", "depthwise/bias", "mlp/fc2/bias", "scale")
)


@dataclass(frozen=True)
class Named:
    """A file's tensors under the names of a layout.

    Attributes:
      layout: whose names they are.
      keys: the name in the file, by the layout's own name for it.
      rows: the key table's row and the block's place, by the layout's name.
      left_out: names in the file that belong to a head or to pre-training, not to the backbone.
      unknown: names in the file that the layout has no row for.
    """

    layout: Layout
    keys: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, tuple[Row, Place | None]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def recognise(source: str, names: Iterable[str]) -> Named:
    """Choose the layout that explains the most keys and leaves the fewest unexplained.

    Raises:
      InputError: no layout knows any of the keys, or two keys have one meaning.
    """
    names = list(names)
    readings = [read_names(layout, names) for layout in LAYOUTS.values()]
    best = max(readings, key=lambda reading: len(reading.rows) - len(reading.unknown))
    if len(best.rows) < len(names) / 20 or not best.rows:
        shown = ", ".join(sorted(names)[:5])
        raise InputError(
            f"{source}: its keys ({shown}, ...) are not those of a model in any known "
            f"layout ({', '.join(layout.library for layout in LAYOUTS.values())})"
        )
    twice = [f"{a} and {b}" for a, b in _collisions(best.layout, names)]
    if twice:
        raise InputError(
            f"{source}: two keys mean one parameter: {'; '.join(twice)}; keep one, or choose with "
            "--state-dict the word that the names of one set begin with"
        )
    return best


def read_names(layout: Layout, names: Iterable[str], *, keep_head: bool = True) -> Named:
    """Read names under one layout; a head counts as left out unless it is kept."""
    keys, rows, left_out, unknown = {}, {}, [], []
    for name in names:
        normal = _normalise(layout, name)
        found = _find_row(layout, normal)
        if normal.startswith(layout.left_out) or (not keep_head and normal.startswith(layout.head)):
            left_out.append(name)
        elif found is None:
            unknown.append(name)
        else:
            keys[normal], rows[normal] = name, found
    return Named(layout, keys, rows, tuple(left_out), tuple(unknown))


def _normalise(layout: Layout, name: str) -> str:
    while prefix := next((p for p in layout.prefixes if name.startswith(p)), None):
        name = name.removeprefix(prefix)
    for pattern, replacement in layout.renames:
        name = re.sub(pattern, replacement, name)
    return name


def _find_row(layout: Layout, name: str) -> tuple[Row, Place | None] | None:
    for row in layout.rows:
        for theirs in row.theirs:
            place = find_place(theirs, name)
            if place is not None:
                return row, place if "{n}" in row.ours else None
    return None


def _collisions(layout: Layout, names: Iterable[str]) -> list[tuple[str, str]]:
    seen: dict[str, str] = {}
    twice = []
    for name in names:
        normal = _normalise(layout, name)
        if normal in seen:
            twice.append((seen[normal], name))
        seen[normal] = name
    return twice


@dataclass(frozen=True)
class Dimensions:
    """What the shapes of a file say of its model; None where they say nothing.

    `widths` and `depths` are of the stages of a model that has them, else empty.
    """

    width: int | None
    depth: int
    mlp_width: int | None
    patch_size: int | None
    grid: int | None
    position_table: str
    layer_scale: bool
    register_tokens: int
    labels: int | None
    heads: int | None
    qkv_bias: str
    rope_periods: tuple[float, ...]
    widths: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()


def measure(source: str, named: Named, tensors: Mapping[str, Tensor]) -> Dimensions:
    """Read dimensions off the tensors' sizes, by majority where many blocks tell the same.

    Raises:
      InputError: blocks of most numbers are missing.
    """
    sizes: dict[str, list[int]] = {}
    heads: list[int] = []
    for normal, (row, _) in named.rows.items():
        shape = tensors[named.keys[normal]].shape
        size = 1
        for side in shape:
            size *= side
        sizes.setdefault(row.ours, []).append(size)
        if row.transform == "qkv_heads" and len(shape) >= 2:
            heads.append(shape[-2])
    forms = named.layout.qkv_bias
    periods = next(
        (tensors[named.keys[k]] for k, (r, _) in named.rows.items() if r.ours == ROPE_PERIODS), None
    )
    places = {place for _, place in named.rows.values() if place is not None}
    depths = count_blocks(places)
    if sum(depths) > 2 * len(places) or 0 in depths:
        raise InputError(
            f"{source}: has {len(places)} blocks, and among them one of number {max(depths) - 1}"
            + (f" and one of stage {len(depths) - 1}" if len(depths) > 1 else "")
            + "; damaged, or a part of a checkpoint"
        )
    if named.layout.architecture == "convnext":
        return _measure_stages(named, tensors, sizes, depths)
    width = _majority(sizes.get("blocks/{n}/norm1/scale", []) + sizes.get("norm/scale", []))
    patch_area = _ratio(sizes.get("patch_embedding/kernel"), width and 3 * width)
    rows = _ratio(sizes.get("position_table"), width)
    grid, position_table = _grid(rows)
    return Dimensions(
        width=width,
        depth=sum(depths),
        mlp_width=_majority(sizes.get("blocks/{n}/mlp/fc1/bias", [])),
        patch_size=_root(patch_area),
        grid=grid,
        position_table=position_table,
        layer_scale="blocks/{n}/scale1" in sizes or "blocks/{n}/scale2" in sizes,
        register_tokens=_ratio(sizes.get("register_tokens"), width) or 0,
        labels=_majority(sizes.get("head/bias", [])),
        heads=_majority(heads),
        qkv_bias=forms[0] if "blocks/{n}/attention/qkv/bias" in sizes else forms[-1],
        rope_periods=tuple(map(float, periods.read())) if periods is not None else (),
    )


def _measure_stages(
    named: Named,
    tensors: Mapping[str, Tensor],
    sizes: Mapping[str, list[int]],
    depths: tuple[int, ...],
) -> Dimensions:
    """The dimensions of a model whose stages have widths of their own."""
    of_stage: dict[int, list[int]] = {}
    for normal, (row, place) in named.rows.items():
        if row.ours in OF_WIDTH and place is not None:
            shape = tensors[named.keys[normal]].shape
            of_stage.setdefault(place[0], []).append(shape[0] if shape else 0)
    widths = tuple(_majority(of_stage.get(stage, [])) or 1 for stage in range(len(depths)))
    first = widths[0] if widths else None
    return Dimensions(
        width=widths[-1] if widths else None,
        depth=sum(depths),
        mlp_width=None,
        patch_size=_root(_ratio(sizes.get("patch_embedding/kernel"), first and 3 * first)),
        grid=None,
        position_table="none",
        layer_scale="blocks/{n}/scale" in sizes,
        register_tokens=0,
        labels=_majority(sizes.get("head/bias", [])),
        heads=None,
        qkv_bias="none",
        rope_periods=(),
        widths=widths,
        depths=depths,
    )


def _majority(values: list[int]) -> int | None:
    return Counter(values).most_common(1)[0][0] if values else None


def _ratio(sizes: list[int] | None, divisor: int | None) -> int | None:
    return sizes[0] // divisor if sizes and divisor and sizes[0] % divisor == 0 else None


def _root(square: int | None) -> int | None:
    return isqrt(square) if square and isqrt(square) ** 2 == square else None


def _grid(rows: int | None) -> tuple[int | None, str]:
    if rows and rows > 1 and _root(rows):
        return _root(rows), "patches"
    return rows and _root(rows - 1), "class_and_patches"
