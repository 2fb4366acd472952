"""A document as plain data, whatever file it becomes. Its texts are plain: no markup in any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """A block of code; nothing from outside may stand in it."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Grid:
    """A table; a line break in a cell begins a new line of it.

    Attributes:
      title: above it; empty for none.
      header: one heading a column.
      rows: of cells.
      note: below it; empty for none.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes:
      stem: of its files `.svg` and `.png`, which lie beside the document.
      caption: below it.
    """

    stem: Path
    caption: str


Block = Heading | Paragraph | Bullets | Code | Grid | Picture
