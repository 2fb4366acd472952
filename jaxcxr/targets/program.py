"""Read a compiled program's text: its kernels, the bytes they move, what devices tell each other.

The text is XLA's HLO after all passes, as `jax.stages.Compiled.as_text` gives it. One instruction
of the entry computation is one kernel, but for those that only name what is there already.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

_BITS = {"pred": 8, "bf16": 16, "f16": 16, "f8e4m3fn": 8, "f8e5m2": 8, "f32": 32, "f64": 64}
_BITS |= {f"{sign}{bits}": max(bits, 8) for sign in "su" for bits in (4, 8, 16, 32, 64)}
_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,]*)\](\{[^}]*\})?")
_ON_CHIP = re.compile(r"S\([1-9]")  # a TPU's layouts name the memory space; 0 is the large one
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .*\{$")
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$")
_CALLED = re.compile(r"(?:body|to_apply|calls)=%?([\w.\-]+)")
_TRIPS = re.compile(r'known_trip_count"?:\s*\{\s*"?n"?:\s*"?(\d+)')
_NAME = re.compile(r'op_name="([^"]*)"')
# Instructions that move nothing: they name what exists, or wait for what was counted at its start.
_FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "iota"}
_FREE |= {"partition-id", "replica-id", "opt-barrier"}
_COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")


@dataclass
class Counts:
    """What a program does, summed over its instructions.

    Attributes:
      kernels: how many instructions run.
      bytes: of their operands and results, by origin (see `origin`).
      kernels_by_origin: kernels likewise.
      collectives: bytes of the operands of each kind of exchange between devices.
      exchanges: how many of each kind.
    """

    kernels: int = 0
    bytes: Counter[str] = field(default_factory=Counter)
    kernels_by_origin: Counter[str] = field(default_factory=Counter)
    collectives: Counter[str] = field(default_factory=Counter)
    exchanges: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Instruction:
    name: str
    shape: str
    kind: str
    rest: str

    @property
    def operands(self) -> list[str]:
        inside = self.rest[: _closing(self.rest)]
        return re.findall(r"%([\w.\-]+)", inside)


def count_program(text: str) -> Counts:
    """Count the kernels, bytes and exchanges of a compiled program; loops as often as they run."""
    computations, entry = _parse(text)
    counts = Counts()
    _count(computations, entry, 1, counts)
    return counts


def origin(op_name: str) -> str:
    """Say which part of a step an instruction is of, by the name that tracing gave it.

    What has no name was put in by the `compiler`, such as copies onto a chip's own memory.
    """
    for part in ("augmentation", "optimizer"):
        if part in op_name:
            return part
    if "transpose(" in op_name:
        return "backward"
    return "forward" if op_name else "compiler"


def bytes_of(shape: str, everywhere: bool = False) -> int:
    """Bytes of an array or tuple in HLO's notation, `f32[8,4]{1,0}` or `(f32[8], s32[])`.

    What lies in a memory on the chip itself does not count, unless `everywhere`.
    """
    return sum(
        math.prod(int(size) for size in sizes.split(",") if size) * _BITS.get(kind, 0) // 8
        for kind, sizes, layout in _ARRAY.findall(shape)
        if everywhere or not _ON_CHIP.search(layout)
    )


def _parse(text: str) -> tuple[dict[str, list[_Instruction]], str]:
    computations: dict[str, list[_Instruction]] = defaultdict(list)
    entry = name = ""
    for line in text.splitlines():
        if opened := _COMPUTATION.match(line):
            name = opened[2]
            entry = name if opened[1] else entry
        elif line.startswith("}"):
            name = ""
        elif name and (found := _INSTRUCTION.match(line)):
            computations[name].append(_Instruction(*found.groups()))
    return computations, entry


def _count(
    computations: dict[str, list[_Instruction]], name: str, times: int, counts: Counts
) -> None:
    shapes = {one.name: one.shape for one in computations[name]}
    for one in computations[name]:
        inner = _CALLED.search(one.rest)
        if one.kind in ("while", "call") and inner:
            trips = _TRIPS.search(one.rest)
            again = int(trips[1]) if one.kind == "while" and trips else 1
            _count(computations, inner[1], times * again, counts)
            continue
        if one.kind in _FREE or one.kind.endswith("-done"):
            continue
        exchange = next((kind for kind in _COLLECTIVES if one.kind.startswith(kind)), None)
        said = _NAME.search(one.rest)
        where = exchange or origin(said[1] if said else "")
        counts.kernels += times
        counts.kernels_by_origin[where] += times
        counts.bytes[where] += times * _moved(one, shapes)
        if exchange:
            counts.collectives[exchange] += times * _exchanged(one, shapes)
            counts.exchanges[exchange] += times


def _moved(one: _Instruction, shapes: dict[str, str]) -> int:
    """Bytes that an instruction reads from and writes to memory outside the chip's own."""
    if one.kind in ("copy-start", "slice-start"):
        # A part is brought onto the chip ahead of its use, or back: as large as where it arrives.
        source, arrives = _elements(one.shape)[:2]
        outside = [not _ON_CHIP.search(side) for side in (source, arrives)]
        return bytes_of(arrives, everywhere=True) * sum(outside)
    reads, writes = _sides(one, shapes)
    return bytes_of(reads) + bytes_of(writes)


def _exchanged(one: _Instruction, shapes: dict[str, str]) -> int:
    """Bytes of what an exchange is given or of what it gives, whichever is larger."""
    given = bytes_of(_sides(one, shapes)[0], everywhere=True)
    gives = bytes_of(one.shape, everywhere=True)
    # Of one that is only begun, what it is given may stand in its result once more.
    return max(given, gives - given if one.kind.endswith("-start") else gives)


def _sides(one: _Instruction, shapes: dict[str, str]) -> tuple[str, str]:
    """Shapes of the operands and of the result of an instruction."""
    reads = ", ".join(shapes.get(operand, "") for operand in one.operands)
    # The result of an exchange that is only begun names its operands once more.
    return reads, reads if one.kind.endswith("-start") else one.shape


def _elements(shape: str) -> list[str]:
    return [kind + "[" + sizes + "]" + layout for kind, sizes, layout in _ARRAY.findall(shape)]


def _closing(text: str) -> int:
    """Place of the parenthesis that closes an operand list whose opening one is cut off."""
    depth = 1
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return place
    return len(text)
