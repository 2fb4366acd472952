"""A table as CSV for programs, LaTeX for a manuscript, and an HTML fragment for a page."""

from __future__ import annotations

import csv
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcxr.files import atomic_path

_TEX = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
}


def write_table(
    stem: Path,
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    notes: Sequence[str] = (),
) -> None:
    """Write `stem` with `.csv` (every digit), `.tex` and `.html` (two decimals)."""
    with atomic_path(stem.with_suffix(".csv")) as path, path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([["" if cell is None else cell for cell in row] for row in rows])
    texts = [[shown(cell) for cell in row] for row in rows]
    _write(stem.with_suffix(".tex"), _latex(title, header, texts, notes))
    _write(stem.with_suffix(".html"), _html(title, header, texts, notes, rows))


def shown(cell: Any) -> str:
    """Write a cell for readers: two decimals, a hyphen for nothing."""
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.2f}" if abs(cell) >= 0.005 or cell == 0 else f"{cell:.1g}"
    return str(cell)


def _latex(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str]
) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(tex(cell) for cell in cells) + r" \\"

    caption = tex(" ".join([f"{title}.", *notes]))
    lines = [
        "% needs the packages booktabs and longtable",
        rf"\begin{{longtable}}{{{'l' * len(header)}}}",
        rf"\caption{{{caption}}} \\",
        r"\toprule",
        line(header),
        r"\midrule",
        r"\endhead",
        *map(line, rows),
        r"\bottomrule",
        r"\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def tex(text: str) -> str:
    """Write plain text so that LaTeX shows it as it is."""
    return "".join(_TEX.get(character, character) for character in text)


def _html(
    title: str,
    header: Sequence[str],
    texts: Sequence[Sequence[str]],
    notes: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> str:
    lines = ["<table>", f"<caption>{html.escape(title)}</caption>", "<thead><tr>"]
    lines += [f'<th scope="col">{html.escape(name)}</th>' for name in header]
    lines += ["</tr></thead>", "<tbody>"]
    for cells, values in zip(texts, rows, strict=True):
        # What sorting goes by is the whole number, not its rounded form.
        shown_cells = [
            f'<td data-value="{value!r}">{html.escape(text)}</td>'
            if isinstance(value, int | float) and not isinstance(value, bool)
            else f"<td>{html.escape(text)}</td>"
            for text, value in zip(cells, values, strict=True)
        ]
        lines.append(f"<tr>{''.join(shown_cells)}</tr>")
    lines += ["</tbody>", "</table>"]
    lines += [f'<p class="note">{html.escape(note)}</p>' for note in notes]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
