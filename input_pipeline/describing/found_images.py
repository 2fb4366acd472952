"""Which column of a table names the images of a folder, and where those lie."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pandas as pd

from input_pipeline.tables import ids

# What else lies among images.
NOT_IMAGES = (".csv", ".tsv", ".txt", ".json", ".xlsx", ".md", ".html", ".pdf", ".zip", ".toml")


@dataclass(frozen=True)
class Found:
    """What the cells of one column name.

    Attributes:
      column: its heading.
      cells: how many different ones it has.
      named: how many of them name one file.
      several: cells that name several files.
      absent: cells that name none, at most ten.
      folders, suffixes: of the files, and how many lie there or end so.
      files: all files of the folder; `unnamed` of them are named by no cell.
    """

    column: str
    cells: int
    named: int
    several: tuple[str, ...]
    absent: tuple[str, ...]
    folders: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)
    files: int = 0
    unnamed: int = 0


def find_images(table: pd.DataFrame, raw_dir: Path, images: Path) -> Found | None:
    """The column whose cells name most files below `images`, or None if none names any.

    Args:
      table: text.
      raw_dir: to which folders are given.
      images: a folder in it.
    """
    files = [path.relative_to(raw_dir).as_posix() for path in _walk(images)]
    by_name: dict[str, list[str]] = {}
    for path in files:
        name = PurePosixPath(path).name
        for known in {name, name.partition(".")[0], PurePosixPath(path).stem}:
            by_name.setdefault(known, []).append(path)
    every = [_match(str(column), table[column], by_name, len(files)) for column in table]
    best = max(every, key=lambda found: (found.named, -found.cells), default=None)
    return best if best is not None and best.named else None


def _walk(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.startswith(".") and not name.lower().endswith(NOT_IMAGES):
                yield Path(at) / name


def _match(column: str, cells: pd.Series, by_name: dict[str, list[str]], files: int) -> Found:
    texts = [text for text in ids.texts_of(cells) if ids.word(text) not in ids.NOBODY]
    folders: Counter[str] = Counter()
    suffixes: Counter[str] = Counter()
    several, absent, named = [], [], set()
    for text in texts:
        matches = []
        for path in by_name.get(PurePosixPath(text).name, []):
            before, found, after = path.rpartition(text)
            if found and "/" not in after and (not before or before.endswith("/")):
                matches.append((path, before.rstrip("/") or ".", after))
        if len(matches) == 1:
            path, folder, suffix = matches[0]
            named.add(path)
            folders[folder] += 1
            suffixes[suffix] += 1
        elif matches:
            several.append(text)
        else:
            absent.append(text)
    return Found(
        column=column,
        cells=len(texts),
        named=len(named),
        several=tuple(several),
        absent=tuple(absent),
        folders=folders,
        suffixes=suffixes,
        files=files,
        unnamed=files - len(named),
    )
