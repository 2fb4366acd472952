"""A document as a Word file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path
from jaxcxr.reporting.document import Block, Bullets, Code, Grid, Heading, Paragraph
from jaxcxr.terminal import plain

_WIDTH = 16.5  # centimetres of a figure


def check_word() -> None:
    """Stop before any work where such a file cannot be written.

    Raises:
      InputError: python-docx is not installed.
    """
    try:
        import docx  # noqa: F401
    except ImportError:
        raise InputError(
            "--out FILE.docx needs python-docx: pip install 'jaxcxr[report]'; or give FILE.md"
        ) from None


def write_word(path: Path, blocks: Sequence[Block]) -> None:
    """Write a document as `.docx`; texts are put in as text, never as markup."""
    import docx

    document = docx.Document()
    # Else the file names python-docx as its author and the day on which that was made.
    properties = document.core_properties
    properties.author, properties.comments = "", ""
    for section in document.sections:
        section.left_margin = section.right_margin = docx.shared.Cm(2)
    for block in blocks:
        _add(document, block)
    with atomic_path(path) as temporary:
        document.save(str(temporary))


def _add(document: Any, block: Block) -> None:
    import docx

    if isinstance(block, Heading):
        document.add_heading(plain(block.text), block.level - 1)
    elif isinstance(block, Paragraph):
        document.add_paragraph(plain(block.text))
    elif isinstance(block, Bullets):
        for text in block.texts:
            document.add_paragraph(plain(text), style="List Bullet")
    elif isinstance(block, Code):
        document.add_paragraph(block.text, style="No Spacing")
    elif isinstance(block, Grid):
        _add_table(document, block)
    else:
        document.add_picture(str(block.stem.with_suffix(".png")), docx.shared.Cm(_WIDTH))
        document.add_paragraph(plain(block.caption), style="Caption")


def _add_table(document: Any, grid: Grid) -> None:
    if grid.title:
        document.add_paragraph(plain(grid.title), style="Caption")
    table = document.add_table(rows=1 + len(grid.rows), cols=len(grid.header), style="Table Grid")
    # Asking a table for a cell walks through all before it: a row at a time is much faster.
    for row, cells in zip(table.rows, (grid.header, *grid.rows), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = "\n".join(map(plain, text.split("\n")))
            for run in (run for paragraph in cell.paragraphs for run in paragraph.runs):
                run.font.size, run.font.bold = 101600, cells is grid.header  # 8 points
    if grid.note:
        document.add_paragraph(plain(grid.note))
    document.add_paragraph()
