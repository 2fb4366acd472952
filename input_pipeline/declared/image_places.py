"""Where the images of a declared table lie: below which folder, under which suffix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from input_pipeline.declared.table_sections import Image
from input_pipeline.tables import raw_tables
from jaxcxr.errors import InputError

_HEADING = re.compile(r"\{([^{}]*)\}")


def image_paths(
    raw_dir: Path,
    image: Image,
    images: pd.Series,
    column: Callable[[str], tuple[str, pd.Series]],
) -> tuple[pd.Series, int]:
    """The path of each image below `raw_dir`, and how many have no file.

    The disk is looked at only where there are several folders or suffixes to choose from. An image
    without a file keeps the first place where it could be.

    Raises:
      InputError: a path would leave the folder, no folder is there, or an image has two files.
    """
    where, names = _names(image, images, column)
    raw_tables.relative_paths(Path(where), image.path or image.column, names)
    folders = _folders(raw_dir, image.folders)
    if len(folders) == 1 and len(image.suffixes) == 1:
        return folders[0] + names + image.suffixes[0], 0
    places: list[str] = []
    absent = 0
    held = _Held(raw_dir, folders)
    for at, name in enumerate(names):
        there = [place for suffix in image.suffixes for place in held.places(f"{name}{suffix}")]
        if len(there) > 1:
            raise InputError(
                f"{where} row {at + 2}: {there[0]} and {there[1]} could both be the image; declare "
                "one folder or suffix, or keep one file"
            )
        absent += not there
        places.append(there[0] if there else f"{folders[0]}{name}{image.suffixes[0]}")
    return pd.Series(places, index=names.index, dtype="str"), absent


def _names(
    image: Image, images: pd.Series, column: Callable[[str], tuple[str, pd.Series]]
) -> tuple[str, pd.Series]:
    where, names = column(image.column)
    if not image.path:
        return where, images
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
        found += [raw_tables.prefix(raw_dir, path) for path in inside]
    return list(dict.fromkeys(found))


class _Held:
    """Which files lie in which folders; each folder is listed once, however many images ask."""

    def __init__(self, raw_dir: Path, folders: list[str]) -> None:
        self._raw_dir = raw_dir
        self._folders = folders
        self._inside: dict[str, dict[str, list[str]]] = {}

    def places(self, name: str) -> list[str]:
        """The paths of the files of that name, which may begin with folders of its own."""
        below, _, last = name.rpartition("/")
        if below not in self._inside:
            self._inside[below] = self._listed(below)
        return self._inside[below].get(last, [])

    def _listed(self, below: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for folder in self._folders:
            inner = f"{folder}{below}/" if below else folder
            try:
                names = [path.name for path in (self._raw_dir / inner).iterdir()]
            except OSError:
                continue
            for name in names:
                found.setdefault(name, []).append(f"{inner}{name}")
        return found
