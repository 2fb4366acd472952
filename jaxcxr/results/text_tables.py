"""The pieces that tables for the terminal are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxcxr.terminal import plain

if TYPE_CHECKING:
    from rich.table import Table


def new_table(title: str, caption: str, first: tuple[str, ...], rest: tuple[str, ...]) -> Table:
    """Begin a table: columns of names, then columns of numbers."""
    from rich.box import HORIZONTALS
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(plain(title)),
        caption=Text(plain(caption), style="dim"),
        title_justify="left",
        caption_justify="left",
        box=HORIZONTALS,
        pad_edge=False,
    )
    for name in first:
        table.add_column(name, overflow="fold")
    for name in rest:
        table.add_column(name, justify="right", overflow="fold")
    return table


def add_row(table: Table, *cells: str, style: str | None = None) -> None:
    """Add a row of plain text."""
    from rich.text import Text

    table.add_row(*(Text(plain(cell)) for cell in cells), style=style)


def percent_with_interval(summary: dict[str, Any], *, signed: bool = False) -> str:
    """Write "84.2 [81.0, 87.1]" in percent, a hyphen where there is no number."""
    if summary["value"] is None:
        return "-"
    form = "{:+.1f}" if signed else "{:.1f}"
    if summary["low"] is None or summary["high"] is None:
        return form.format(100 * summary["value"]) + " [-]"
    value, low, high = (form.format(100 * summary[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def mean_and_sd(summary: dict[str, Any], sd: str) -> str:
    """Write "84.20 ± 1.43" in percent."""
    if summary["mean"] is None or summary[sd] is None:
        return "-"
    return f"{100 * summary['mean']:.2f} ± {100 * summary[sd]:.2f}"


def p_value(p: float | None) -> str:
    """Write a p-value to two digits, none as a hyphen."""
    if p is None:
        return "-"
    return "<0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def plain_with_interval(summary: dict[str, Any], form: str = "{:.2f}") -> str:
    """Write "1.24 [0.98, 1.57]" as it is; a value or an upper end without a number is infinity."""
    if summary["low"] is None:
        return "-" if summary["value"] is None else form.format(summary["value"]) + " [-]"
    value, low, high = (
        "inf" if summary[key] is None else form.format(summary[key])
        for key in ("value", "low", "high")
    )
    return f"{value} [{low}, {high}]"
