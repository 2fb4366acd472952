"""The images that were asked for, by names that are relative to what was asked for.

A name never says where on a machine an image lies: of a folder's images it is the path within, of a
pattern's the path below its last fixed folder, of a list's what the list says or, where that is an
absolute path, the path below the deepest folder that holds all of the list; of a file its own name.
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from input_pipeline.decoding.dicom import MARK
from jaxcxr.errors import InputError, reading

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
LISTS = (".txt", ".lst", ".list")


def named_images(asked: Sequence[Path]) -> tuple[dict[str, Path], Counter[str]]:
    """Find images and name them.

    Args:
      asked: files, folders, patterns such as `images/*/*.png`, and lists: text files of one path
        a line, relative to the list's own folder.

    Returns:
      The files by their names, in the order asked for; and how many files in folders were passed
      over because they are of other kinds, by suffix.

    Raises:
      InputError: something is not there, there is no image, or two would have the same name.
    """
    found: dict[str, Path] = {}
    passed_over: Counter[str] = Counter()
    for one in asked:
        for name, path in _of_one(one, passed_over):
            name = image_id_of(name)
            before = found.setdefault(name, path)
            if before != path and before.resolve() != path.resolve():
                raise InputError(
                    f"--images: {before} and {path} would both be named {name}; give the folder "
                    "above them instead, or one after the other with an --out of its own"
                )
    if not found:
        raise InputError(f"--images: no {', '.join(SUFFIXES)} file in {', '.join(map(str, asked))}")
    return found, passed_over


def image_id_of(path: str | Path) -> str:
    r"""Name a file's image by its path; a byte of it that is no UTF-8 becomes `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def state_of(path: Path) -> list[int]:
    """Tell a file from what may stand there at the next try: its bytes, and when it was written."""
    try:
        stat = path.stat()
    except OSError:  # why, the process says that tries to open it
        return [-1, -1]
    return [stat.st_size, stat.st_mtime_ns]


def _of_one(asked: Path, passed_over: Counter[str]) -> Iterator[tuple[str, Path]]:
    if asked.is_dir():
        for path in sorted(asked.rglob("*")):
            # A link that leads nowhere is an image that cannot be read, which is to be said.
            if path.is_file() or (path.is_symlink() and not path.is_dir()):
                if _is_image(path):
                    yield path.relative_to(asked).as_posix(), path
                else:
                    passed_over[path.suffix.lower()] += 1
    elif asked.is_file():
        if asked.suffix.lower() in LISTS:
            yield from _of_list(asked)
        else:
            yield asked.name, asked
    elif glob.has_magic(str(asked)):
        yield from _of_pattern(asked)
    else:
        raise InputError(f"--images {asked}: no such file or folder")


def _is_image(path: Path) -> bool:
    """Whether its suffix says so, or it begins as DICOM does, which scanners write without one."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == MARK
    except OSError:
        return False


def _of_pattern(pattern: Path) -> Iterator[tuple[str, Path]]:
    fixed = pattern
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    below = pattern.relative_to(fixed).as_posix()
    files = [path for path in sorted(fixed.glob(below)) if path.is_file()]
    if not files:
        raise InputError(f"--images {pattern}: no file is named so")
    for path in files:
        yield path.relative_to(fixed).as_posix(), path


def _of_list(path: Path) -> Iterator[tuple[str, Path]]:
    with reading(path, "a list of images", "write one path a line, as UTF-8 text"):
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    entries = [Path(line) for line in lines if line]
    if any("\0" in line for line in lines):
        raise InputError(f"{path}: not a list of images; write one path a line, as UTF-8 text")
    files = [path.parent / entry for entry in entries]
    absent = [number for number, file in enumerate(files) if not file.is_file()]
    if absent:
        raise InputError(
            f"{path}: {entries[absent[0]]}: no such file; paths are relative to the list"
        )
    within = all(not entry.is_absolute() and ".." not in entry.parts for entry in entries)
    if within:
        yield from ((entry.as_posix(), file) for entry, file in zip(entries, files, strict=True))
        return
    places = [Path(os.path.normpath(file.absolute())) for file in files]
    common = Path(os.path.commonpath([place.parent for place in places]))
    yield from ((place.relative_to(common).as_posix(), place) for place in places)
