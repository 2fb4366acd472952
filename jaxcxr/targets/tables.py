"""Compiled programs side by side, on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

Program = dict[str, Any]
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
        table = Table("", *(escape(_heading(one)) for one in described))
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
        Console(highlight=False).print(table)


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
