"""Compiled programs side by side, on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from rich.table import Table
from rich.text import Text
from typing_extensions import TypedDict

from jaxcxr.small_files import Count, Finite
from jaxcxr.terminal import console


class Failed(TypedDict):
    """A program that did not compile."""

    batch: Count
    error: str


class Program(TypedDict):
    """What `account` says of a program, as far as it is shown."""

    batch: Count
    memory_bytes: Count
    memory_of_chip: Finite
    fits: bool
    product_flops: Finite
    kernels: Count
    traffic_bytes: Count
    traffic_by_origin: dict[str, Finite]
    collectives: dict[str, Count]
    collective_bytes: dict[str, Count]
    seconds: dict[Literal["compute", "memory", "links"], Finite]
    bound_images_per_second: Finite
    bound_by: str
    bound_mfu: Finite


class Described(TypedDict):
    """What `compile_config` says, as far as it is shown."""

    target: str
    devices: Count
    dtype: str
    train_step: Failed | Program
    prediction: Failed | Program


_ROWS: dict[str, Callable[[Program], str]] = {
    "batch": lambda p: str(p["batch"]),
    "memory a device, GB": lambda p: f"{p['memory_bytes'] / 1e9:.2f}",
    "of the chip's": lambda p: f"{p['memory_of_chip']:.1%}" + ("" if p["fits"] else ", too much"),
    "products, TFLOP": lambda p: f"{p['product_flops'] / 1e12:.2f}",
    "kernels": lambda p: str(p["kernels"]),
    "traffic, GB": lambda p: f"{p['traffic_bytes'] / 1e9:.1f}",
    "  of it by origin": lambda p: _shares(p["traffic_by_origin"]),
    "exchanges, MB": lambda p: _exchanges(p),
    "arithmetic alone, ms": lambda p: f"{1e3 * p['seconds']['compute']:.2f}",
    "memory alone, ms": lambda p: f"{1e3 * p['seconds']['memory']:.2f}",
    "links alone, ms": lambda p: f"{1e3 * p['seconds']['links']:.2f}",
    "bound, images/s": lambda p: f"{p['bound_images_per_second']:,.0f} by {p['bound_by']}",
    "bound, MFU": lambda p: f"{p['bound_mfu']:.0%}",
}


def print_programs(described: Sequence[dict[str, Any]]) -> None:
    """Print what `compile_config` says of each, program by program."""
    for name in ("train_step", "prediction"):
        table = Table("", *(_heading(one) for one in described))
        table.title = name.replace("_", " ")
        programs = [one[name] for one in described]
        for row, value in _ROWS.items():
            cells = [
                Text(program["error"] if row == "batch" else "")
                if "error" in program
                else Text(value(program))
                for program in programs
            ]
            table.add_row(row, *cells)
        console(highlight=False).print(table)


def _heading(described: dict[str, Any]) -> str:
    return f"{described.get('target', '')} x {described['devices']}, {described['dtype']}"


def _shares(parts: dict[str, float]) -> str:
    total = sum(parts.values()) or 1
    return ", ".join(f"{name} {size / total:.0%}" for name, size in parts.items())


def _exchanges(program: Program) -> str:
    return ", ".join(
        f"{program['collectives'][kind]} {kind} {size / 1e6:.1f}"
        for kind, size in program["collective_bytes"].items()
    )
