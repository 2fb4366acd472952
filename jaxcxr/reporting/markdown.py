"""A document as Markdown: whatever a text says is shown, and nothing of it acts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from jaxcxr.files import atomic_path
from jaxcxr.reporting.document import Block, Bullets, Code, Grid, Heading, Paragraph, Picture
from jaxcxr.terminal import plain

# What begins markup within a line. `&` and `<` become entities, since a viewer that knows no
# Markdown may still know HTML; the others are shown as they are after a backslash.
_ACTING = re.compile(r"([\\`*_{}\[\]#|~$!@])")
# An address that a viewer would make a link of, without any brackets.
_ADDRESS = re.compile(r"(://|(?i:www\.))")
# What begins a list, a quotation, a heading or a rule at the beginning of a line.
_FIRST = re.compile(r"^(\s*\d*)([-+=.)](?:\s|$|[-=]))")


def escaped(text: str) -> str:
    """Write plain text, of one line, so that Markdown shows it as it is."""
    # Four spaces would begin code.
    return _FIRST.sub(r"\1\\\2", _inline(text).strip(" "))


def _inline(text: str) -> str:
    shown = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _ACTING.sub(r"\\\1", shown)
    return _ADDRESS.sub(lambda found: found[0].replace(":", r"\:").replace(".", r"\."), shown)


def markdown(blocks: Sequence[Block]) -> str:
    """Write a document as Markdown, as GitHub and Hugging Face show it."""
    return "\n\n".join(part for block in blocks for part in _parts(block)) + "\n"


def write_markdown(path: Path, blocks: Sequence[Block], front: str = "") -> None:
    """Write a document whole, after `front`, which is Markdown already."""
    with atomic_path(path) as temporary:
        temporary.write_text(front + markdown(blocks), encoding="utf-8")


def _parts(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"{'#' * block.level} {escaped(block.text)}"
    elif isinstance(block, Paragraph):
        yield escaped(block.text)
    elif isinstance(block, Bullets):
        yield "\n".join(f"- {escaped(text)}" for text in block.texts)
    elif isinstance(block, Code):
        yield f"```{block.language}\n{block.text}\n```"
    elif isinstance(block, Picture):
        yield f"![{escaped(block.caption)}]({_address(block.stem.name)}.svg)"
        yield escaped(block.caption)
    else:
        yield from _table(block)


def _table(grid: Grid) -> Iterator[str]:
    if grid.title:
        yield f"**{escaped(grid.title)}**"
    rows = (grid.header, tuple("---" for _ in grid.header))
    lines = [_row(rows[0]), "| " + " | ".join(rows[1]) + " |", *map(_row, grid.rows)]
    yield "\n".join(lines)
    if grid.note:
        yield escaped(grid.note)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text: str) -> str:
    # Within a cell no list and no heading can begin.
    return "<br>".join(map(_inline, text.split("\n")))


def _address(name: str) -> str:
    return quote(name, safe="")
