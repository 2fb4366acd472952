"""Files are written whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from jaxcxr.errors import InputError, refuse_pipe

_UMASK = os.umask(0)  # it can only be read by setting it
os.umask(_UMASK)


def check_writable(
    path: Path, option: str, *, folder: bool = False, reads: Iterable[Path] = ()
) -> None:
    """Stop before any work where a result could not be written; nothing is made yet.

    What killed processes left half-made of it is removed.

    Args:
      path: of the result, a file, or a `folder` of several.
      option: that names it, such as `--out`.
      folder: which of the two.
      reads: files that the command reads, and folders to which none may write.

    Raises:
      InputError: it cannot be written, is of the other kind, or what is read would be lost.
    """
    try:
        for one in reads if path.exists() else ():
            if one.exists() and (path.samefile(one) or one.resolve() in path.resolve().parents):
                raise InputError(
                    f"{option}: {path} would be written over; give another name or folder"
                )
        if folder and path.exists() and not path.is_dir():
            raise InputError(f"{option} {path} is a file; give a folder")
        if not folder and path.is_dir():
            raise InputError(f"{option} {path} is a folder; give the name of a file")
        where = path.absolute() if folder else path.absolute().parent
        while not where.exists():
            where = where.parent
        with tempfile.TemporaryFile(dir=where):
            pass
        clear_left(path.parent, _mark(path))
        if folder:
            clear_left(path)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"{option} {path}: cannot write there ({said}); choose another place"
        ) from None


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path of the same name; rename it to `path` when the block ends well.

    If the block raises, the temporary file is removed and whatever stood at `path` before stays
    as it was.
    """
    final = Path(path)
    with place_beside(final) as new:
        temporary = new / final.name
        yield temporary
        temporary.chmod(0o666 & ~_UMASK)  # some writers leave a file that only its owner can read
        temporary.replace(final)


MADE = (".csv", ".tex", ".html", ".svg", ".png", ".json")  # suffixes of what a report holds


@contextmanager
def fresh_directory(path: Path) -> Iterator[Path]:
    """Give a new directory beside `path`; put it in the place of `path` when the block ends well.

    So nothing that was made earlier stays beside what is made now. If nothing was made, there is no
    directory afterwards. Files of kinds that no report holds are somebody's own and stay.
    """
    with place_beside(path) as new:
        yield new
        try:
            _exchange(new, path)
        except BaseException:
            _put_back(new.parent, path)
            raise


def _exchange(new: Path, path: Path) -> None:
    # By this name a kill from here on is seen, and mended by `_put_back`.
    whole, old = new.rename(new.with_name(_WHOLE)), new.with_name(_OLD)
    while any(whole.iterdir()) or path.is_dir():
        if path.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
            _keep(old, whole)
        if not any(whole.iterdir()):
            break
        try:
            whole.rename(path)
            break
        except OSError:
            if not path.is_dir():  # otherwise another process has just put its own there
                raise


def _put_back(place: Path, path: Path) -> None:
    """Mend an exchange that was not ended, so that nobody's own files go with the place."""
    for one in (place / _WHOLE, place / _OLD):
        if one.is_dir() and any(one.iterdir()):
            if not path.exists():
                one.rename(path)
            elif path.is_dir():
                _keep(one, path)


def _keep(there: Path, place: Path) -> None:
    """Move what is somebody's own."""
    for kept in there.iterdir():
        if kept.suffix not in MADE and not (place / kept.name).exists():
            kept.rename(place / kept.name)


_NEW, _WHOLE, _OLD, _LOCK = "new", "whole", "old", "lock"  # what such a place holds
TEMPORARY = re.compile(r"\.[0-9a-f]{32}(\..+)?")  # its name; with a suffix, of earlier versions


@contextmanager
def place_beside(path: Path) -> Iterator[Path]:
    """Give an empty folder on the file system of `path`, which is gone when the block has ended.

    What killed processes left of the same `path` is removed first. Each place is locked while its
    process lives, so that no other takes it for left; where there are no locks, all stay.
    """
    place: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_left(path.parent, _mark(path))
        with ExitStack() as held:
            while place is None or not _lock(place, path.name, held):
                place = path.with_name(f".{_mark(path)}{uuid.uuid4().hex[:16]}")
                place.mkdir()
            new = place / _NEW
            new.mkdir()
            yield new
    except OSError as error:
        # A full disk is met by `write`, which knows no name, and nobody knows that of the place.
        if error.filename is None or (place and place.name in str(error.filename)):
            error.filename = os.fspath(path)
        raise


def _mark(path: Path) -> str:
    """Begin the name of a place beside `path`, whose own name may be as long as a name can be."""
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]


def clear_left(folder: Path, mark: str = "") -> None:
    """Remove what killed processes left half-made in a folder: of all, or the output of a mark."""
    left = _left_in(folder.absolute())
    for one in [mark] if mark else list(left):
        for place in left.pop(one, ()):
            _clear(place)


@lru_cache(maxsize=64)
def _left_in(folder: Path) -> dict[str, list[Path]]:
    """List the places in a folder by their marks, once: a folder may hold a million images'."""
    found: dict[str, list[Path]] = {}
    with suppress(OSError):  # it may be written and not be read
        for place in folder.iterdir():
            if TEMPORARY.fullmatch(place.name):
                found.setdefault(place.name[1:17], []).append(place)
    return found


def _lock(place: Path, name: str, held: ExitStack) -> bool:
    """Lock a place and have it removed at the end; false if it was just taken for left."""
    held.callback(_remove, place)
    try:
        lock = held.enter_context((place / _LOCK).open("xb"))
    except FileNotFoundError:
        return False
    if not (take_lock(lock) and (place / _LOCK).exists()):
        return False
    lock.write(os.fsencode(name))
    lock.flush()
    return True


def _clear(place: Path) -> None:
    """Remove a place whose process has died."""
    try:
        with (place / _LOCK).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path = place.parent / Path(os.fsdecode(lock.read())).name
            if place.name.startswith(f".{_mark(path)}"):
                _put_back(place, path)
            _remove(place)
    except FileNotFoundError:  # not locked yet, or no more: then it is empty
        with suppress(OSError):
            place.rmdir()
    except (OSError, ValueError):  # its process lives, or nobody can tell
        pass


def _remove(place: Path) -> None:
    for name in (_NEW, _WHOLE, _OLD, _LOCK):  # the lock last: what a kill leaves can be told
        path = place / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    with suppress(OSError):
        place.rmdir()


def take_lock(file: int | IO[Any], *, wait: bool = False) -> bool:
    """Keep other processes from an open file or folder.

    The lock ends with the file, and so with this process, however it ends. On a file system that
    has no locks nobody is kept out.

    Args:
      file: or its descriptor.
      wait: until it is free.

    Returns:
      Whether this process has it now.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the digest of a file in hexadecimal, without holding the file in memory."""
    refuse_pipe(path, "put the file there")
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON. NaN is refused: JSON has none, so say null instead."""
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
