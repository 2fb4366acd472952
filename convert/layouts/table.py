"""What a key table is, and how it counts blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxcxr.model import ConvNeXtSpec, ModelSpec

_NUMBER = r"(0|[1-9]\d{0,3})"
# The block's number over the whole model; its stage and its number within that.
_COUNTED = {"{n}": rf"(?P<n>{_NUMBER})", "{s}": r"(?P<s>[0-7])", "{m}": rf"(?P<m>{_NUMBER})"}

Place = tuple[int, int]  # stage, number within it; a model without stages has the stage 0


@dataclass(frozen=True)
class Row:
    """One of our parameters, their tensors that make it up, and the transform between them.

    In both names `{n}` counts the blocks of the whole model; where theirs counts them by stages,
    `{s}` is the stage and `{m}` the block's number within it, 0 where it does not stand.
    """

    ours: str
    theirs: tuple[str, ...]
    transform: str


@dataclass(frozen=True)
class Layout:
    """A library's names.

    Attributes:
      name: its name here.
      family: what `python -m convert export --layout` calls it; `google` is only read.
      library: whose names these are.
      rows: the key table.
      architecture: of the models that have these names.
      facts: fields of the model's spec that hold for a model of these names that is in no table.
      prefixes: in front of every key of some files; taken off.
      renames: regular expressions that bring other generations of the names to this table's.
      head: the key prefixes of a classification head, left out unless it is kept.
      left_out: the key prefixes of pre-training parts that no backbone needs.
      head_prefix: what the library puts before the backbone's keys in a model with a head.
      qkv_bias: the forms of the attention bias that occur, the usual one first.
      rope: positions are rotary.
    """

    name: str
    family: str
    library: str
    rows: tuple[Row, ...]
    architecture: str = "vit"
    facts: Mapping[str, Any] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    head: tuple[str, ...] = ("head.",)
    left_out: tuple[str, ...] = ()
    head_prefix: str = ""
    qkv_bias: tuple[str, ...] = ("full",)
    rope: bool = False


def rows(*lines: str) -> tuple[Row, ...]:
    """Read a key table: `ours  transform  theirs [theirs ...]`, a line each."""
    table = []
    for line in lines:
        ours, transform, *theirs = line.split()
        table.append(Row(ours, tuple(theirs), transform))
    return tuple(table)


def find_place(template: str, name: str) -> Place | None:
    """Where in the model a name stands that has the form of a row's; None if it has not."""
    pattern = re.escape(template)
    for mark, number in _COUNTED.items():
        pattern = pattern.replace(re.escape(mark), number)
    match = re.fullmatch(pattern, name)
    if match is None:
        return None
    numbers = {key: int(value) for key, value in match.groupdict().items()}
    return numbers.get("s", 0), numbers.get("n", numbers.get("m", 0))


def count_blocks(places: Iterable[Place]) -> tuple[int, ...]:
    """How many blocks each stage has, told by the last of each."""
    found = list(places)
    stages = 1 + max((stage for stage, _ in found), default=-1)
    return tuple(
        1 + max((number for stage, number in found if stage == one), default=-1)
        for one in range(stages)
    )


def places_of(spec: ModelSpec) -> list[Place]:
    """The place of each block of a model, first to last."""
    if isinstance(spec, ConvNeXtSpec):
        return list(spec.places())
    return [(0, number) for number in range(spec.depth)]


def name_blocks(row: Row, places: Sequence[Place]) -> list[tuple[str, list[str]]]:
    """Our name and theirs for each block, or the one pair of names of a row without blocks."""
    if "{n}" not in row.ours:
        return [(row.ours, list(row.theirs))]
    pairs = []
    for block, (stage, number) in enumerate(places):
        theirs = [
            key.replace("{n}", str(block)).replace("{s}", str(stage)).replace("{m}", str(number))
            for key in row.theirs
        ]
        pairs.append((row.ours.replace("{n}", str(block)), theirs))
    return pairs
