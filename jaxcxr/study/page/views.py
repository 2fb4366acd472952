"""Tables as the page shows them: columns that belong together in one, links, what to filter by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxcxr.results.table_files import Table, shown
from jaxcxr.results.terminal import p_value
from jaxcxr.study.analyses.families import AVERAGE

# Neighbouring columns that read better as one; sorting goes by the first of each.
_TOGETHER = {
    ("mean of redraws", "sd"): ("mean ± sd of redraws", "{} ± {}"),
    ("paper", "paper sd"): ("paper, mean ± sd", "{} ± {}"),
    ("90 % low", "90 % high"): ("90 % interval", "[{}, {}]"),
}
_INTERVAL = "95 % interval"
_NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?")
_CHOICES = range(2, 13)  # of a column to filter by
_FACETS = 3
_LINE = 36  # characters that a column keeps on one line


@dataclass(frozen=True)
class Cell:
    """What stands in a cell.

    Attributes:
      text: for readers.
      value: to sort by, every digit; None of text and of nothing.
      links: names and targets on the page, in place of the text.
    """

    text: str
    value: str | None = None
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class View:
    """A table of the page.

    Attributes:
      name, title, notes: as of `Table`.
      header: headings.
      kinds: of each column: `number`, `long` for text that needs lines, or `short`.
      averages: whether rows of averages stand among others.
      rows: of cells.
      facets: columns to choose a value of, and the values.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    header: tuple[str, ...]
    kinds: tuple[str, ...]
    averages: bool
    rows: list[tuple[Cell, ...]]
    facets: tuple[tuple[int, tuple[str, ...]], ...]


def view(table: Table, runs: Mapping[str, str], datasets: Mapping[str, str]) -> View:
    """Lay out a table.

    Args:
      table: any.
      runs: link targets of run ids; a cell of nothing but run ids links to them.
      datasets: link targets of datasets' names, for tables that name no runs.
    """
    columns, dropped = _columns(table)
    header = tuple(name for name, _ in columns)
    named = any(_links(cell, runs) for row in table.rows for cell in row)
    rows = [
        tuple(_cell(name, row, places, runs, {} if named else datasets) for name, places in columns)
        for row in table.rows
    ]
    notes = table.notes
    if dropped:
        notes = (*notes, f"Empty here, and so not shown: {', '.join(dropped)}.")
    kinds = tuple(_kind([cells[at] for cells in rows]) for at in range(len(header)))
    averages = sum(any(cell.text == AVERAGE for cell in row) for row in rows)
    return View(
        name=table.name,
        title=table.title,
        notes=notes,
        header=header,
        kinds=kinds,
        averages=0 < averages < len(rows),
        rows=rows,
        facets=_facets(header, rows),
    )


def _kind(cells: Sequence[Cell]) -> str:
    texts = [cell for cell in cells if cell.text != "-"]
    if texts and all(cell.value is not None for cell in texts):
        return "number"
    return "long" if any(len(cell.text) > _LINE and not cell.links for cell in cells) else "short"


def _columns(table: Table) -> tuple[list[tuple[str, tuple[int, ...]]], list[str]]:
    """Headings with the columns they show, and the headings of columns without any value."""
    columns = [[row[at] for row in table.rows] for at in range(len(table.header))]
    empty = [bool(cells) and all(cell in (None, "") for cell in cells) for cells in columns]
    # A dataset that the title names does not stand in every row again.
    said = [
        name == "dataset" and bool(cells) and set(map(str, cells)) <= {table.title.split(": ")[-1]}
        for name, cells in zip(table.header, columns, strict=True)
    ]
    found: list[tuple[str, tuple[int, ...]]] = []
    at = 0
    while at < len(table.header):
        heading = _together(table.header[at : at + 2])
        if heading and not any(empty[at : at + 2]):
            found.append((heading, (at, at + 1)))
            at += 2
            continue
        if not empty[at] and not said[at]:
            found.append((table.header[at], (at,)))
        at += 1
    return found, [name for name, none in zip(table.header, empty, strict=True) if none]


def _together(pair: Sequence[str]) -> str | None:
    """Give the heading of two neighbours that are shown as one: a spread, or the ends of one."""
    for names, (heading, _) in _TOGETHER.items():
        if [*pair] == [*names]:
            return heading
    of = pair[0].removesuffix("low")
    return _INTERVAL if [*pair] == [f"{of}low", f"{of}high"] else None


def _cell(
    heading: str,
    row: Sequence[Any],
    places: tuple[int, ...],
    runs: Mapping[str, str],
    datasets: Mapping[str, str],
) -> Cell:
    value = row[places[0]]
    if len(places) == 2:
        if value is None or row[places[1]] is None:
            return Cell("-")
        form = (dict(_TOGETHER.values()) | {_INTERVAL: "[{}, {}]"})[heading]
        return Cell(form.format(*(_text(heading, row[at]) for at in places)), repr(value))
    links = _links(value, runs)
    if not links and heading == "dataset" and value in datasets:
        links = ((value, datasets[value]),)
    text = _text(heading, value)
    return Cell(text, _sorted_by(value), links)


def _text(heading: str, value: Any) -> str:
    if heading.split(" ")[-1] == "p" and isinstance(value, float):
        return p_value(value)
    return shown(value).replace("-", "\N{MINUS SIGN}") if isinstance(value, float) else shown(value)


def _sorted_by(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    return text.replace(",", "") if _NUMBER.fullmatch(text) else None


def _links(value: Any, runs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    names = value.split() if isinstance(value, str) else []
    return tuple((name, runs[name]) for name in names) if all(n in runs for n in names) else ()


def _facets(
    header: Sequence[str], rows: Sequence[tuple[Cell, ...]]
) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Choose the first columns of text in which few values stand often."""
    found = []
    for at in range(len(header)):
        cells = [row[at] for row in rows]
        if any(cell.value is not None for cell in cells) or header[at].startswith("run"):
            continue
        if _kind(cells) == "long":
            continue
        values = tuple(dict.fromkeys(cell.text for cell in cells))
        if len(values) in _CHOICES and 3 * len(values) <= len(rows):
            found.append((at, values))
    found.sort(key=lambda facet: header[facet[0]] != "dataset")
    return tuple(found[:_FACETS])
