"""Where the images of a declared table lie: below which folder, under which suffix."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from input_pipeline.datasets import tables
from input_pipeline.table_sections import Image
from jaxcxr.errors import InputError

_HEADING = re.compile(r"\{([^{}]*)\}")


def image_paths(
    raw_dir: Path, image: Image, column: Callable[[str], tuple[str, pd.Series]]
) -> tuple[pd.Series, int]:
    """The path of each image below `raw_dir`, and how many have no file.

    The disk is looked at only where there are several folders or suffixes to choose from. An image
    without a file keeps the first place where it could be.

    Raises:
      InputError: a path would leave the folder, no folder is there, or an image has two files.
    """
    where, names = _names(image, column)
    tables.relative_paths(Path(where), image.path or image.column, names)
    folders = _folders(raw_dir, image.folders)
    if len(folders) == 1 and len(image.suffixes) == 1:
        return folders[0] + names + image.suffixes[0], 0
    places: list[str] = []
    absent = 0
    held: dict[str, set[str]] = {}
    for at, name in enumerate(names):
        could = [f"{folder}{name}{suffix}" for folder in folders for suffix in image.suffixes]
        there = [place for place in dict.fromkeys(could) if _exists(raw_dir, place, held)]
        if len(there) > 1:
            raise InputError(
                f"{where} row {at + 2}: {there[0]} and {there[1]} could both be the image; declare "
                "one folder or suffix, or keep one file"
            )
        absent += not there
        places.append(there[0] if there else could[0])
    return pd.Series(places, index=names.index, dtype="str"), absent


def _names(image: Image, column: Callable[[str], tuple[str, pd.Series]]) -> tuple[str, pd.Series]:
    where, names = column(image.column)
    if not image.path:
        return where, names
    parts = _HEADING.split(image.path)
    built = pd.Series(parts[0], index=names.index, dtype="str")
    for heading, after in zip(parts[1::2], parts[2::2], strict=True):
        built = built + column(heading)[1] + after
    return where, built


def _folders(raw_dir: Path, declared: list[str]) -> list[str]:
    """Prefixes of paths, in the declared order."""
    found: list[str] = []
    for folder in declared:
        if Path(folder).is_absolute() or ".." in Path(folder).parts:
            raise InputError(f"image.folders: {folder!r} leaves the folder of the data")
        paths = sorted(raw_dir.glob(folder)) if "*" in folder else [raw_dir / folder]
        inside = [path for path in paths if path.is_dir()]
        if not inside:
            raise InputError(f"image.folders: no folder {folder} is in {raw_dir}")
        found += [tables.prefix(raw_dir, path) for path in inside]
    return list(dict.fromkeys(found))


def _exists(raw_dir: Path, place: str, held: dict[str, set[str]]) -> bool:
    """Whether a file is there; each folder is listed once."""
    folder, name = os.path.split(place)
    if folder not in held:
        try:
            held[folder] = {path.name for path in (raw_dir / folder).iterdir()}
        except OSError:
            held[folder] = set()
    return name in held[folder]
