"""A table as CSV for programs, LaTeX for a manuscript, and an HTML fragment for a page."""

from __future__ import annotations

import csv
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxcxr.files import atomic_path
from jaxcxr.results.tex import tex, tex_row
from jaxcxr.terminal import plain


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes:
      name: of its files, without suffix.
      title: its caption.
      header: one heading a column.
      rows: of cells; None where there is no value.
      notes: sentences below it.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    notes: tuple[str, ...] = ()


def write_table(directory: Path, table: Table) -> None:
    """Write `directory/NAME` with `.csv` (every digit), `.tex` and `.html` (two decimals)."""
    stem = directory / table.name
    rows = ([_exact(value) for value in row] for row in table.rows)
    write_csv(stem.with_suffix(".csv"), table.header, rows)
    texts = [[shown(value) for value in row] for row in table.rows]
    write_text(stem.with_suffix(".tex"), _latex(table, texts))
    write_text(stem.with_suffix(".html"), _html(table, texts))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under a header; short rows are filled up with blanks."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([*row, *[""] * (len(header) - len(row))] for row in rows)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _exact(value: Any) -> Any:
    return "" if value is None else value


def shown(cell: Any) -> str:
    """Write a cell for readers: two decimals, a hyphen for nothing."""
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.2f}" if abs(cell) >= 0.005 or cell == 0 else f"{cell:.1g}"
    return plain(str(cell))


def _latex(table: Table, texts: Sequence[Sequence[str]]) -> str:
    caption = tex(" ".join([f"{table.title}.", *table.notes]))
    lines = [
        "% needs the packages booktabs and longtable",
        rf"\begin{{longtable}}{{{'l' * len(table.header)}}}",
        rf"\caption{{{caption}}} \\",
        r"\toprule",
        tex_row(table.header),
        r"\midrule",
        r"\endhead",
        *map(tex_row, texts),
        r"\bottomrule",
        r"\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def _html(table: Table, texts: Sequence[Sequence[str]]) -> str:
    lines = ["<table>", f"<caption>{html.escape(plain(table.title))}</caption>", "<thead><tr>"]
    lines += [f'<th scope="col">{html.escape(plain(name))}</th>' for name in table.header]
    lines += ["</tr></thead>", "<tbody>"]
    for cells, values in zip(texts, table.rows, strict=True):
        # What sorting goes by is the whole number, not its rounded form.
        shown_cells = [
            f'<td data-value="{value!r}">{html.escape(text)}</td>'
            if isinstance(value, int | float) and not isinstance(value, bool)
            else f"<td>{html.escape(text)}</td>"
            for text, value in zip(cells, values, strict=True)
        ]
        lines.append(f"<tr>{''.join(shown_cells)}</tr>")
    lines += ["</tbody>", "</table>"]
    lines += [f'<p class="note">{html.escape(plain(note))}</p>' for note in table.notes]
    return "\n".join(lines) + "\n"


def latex_tabular(
    header: Sequence[str], rows: Sequence[Sequence[str]], last: Sequence[str] | None, note: str
) -> str:
    """Write a tabular for the booktabs package, with the note as a comment above."""
    lines = [
        f"% {plain(note)}",
        "\\begin{tabular}{l" + "r" * (len(header) - 1) + "}",
        "\\toprule",
        tex_row(header),
        "\\midrule",
        *map(tex_row, rows),
    ]
    if last:
        lines += ["\\midrule", tex_row(last)]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])
