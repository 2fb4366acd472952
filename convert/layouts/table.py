"""What a key table is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One of our parameters, their tensors that make it up, and the transform between them."""

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
      facts: fields of `ViTSpec` that hold for a model of these names that is in no table.
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
