"""Files are written whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from jaxcxr.errors import InputError

_UMASK = os.umask(0)  # it can only be read by setting it
os.umask(_UMASK)


def check_writable(
    path: Path, option: str, *, folder: bool = False, reads: Iterable[Path] = ()
) -> None:
    """Stop before any work where a result could not be written; nothing is made yet.

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
    except InputError:
        raise
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(
            f"{option} {path}: cannot write there ({said}); choose another place"
        ) from None


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well.

    If the block raises, the temporary file is removed and whatever stood at `path` before stays
    as it was. The temporary name keeps the suffix, since many writers choose a format by it.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{uuid.uuid4().hex}{final.suffix}")
    try:
        yield temporary
        temporary.chmod(0o666 & ~_UMASK)  # some writers leave a file that only its owner can read
        temporary.replace(final)
    except OSError as error:
        if error.filename is None:  # a full disk is met by `write`, which knows no name
            error.filename = os.fspath(final)
        raise
    finally:
        temporary.unlink(missing_ok=True)


MADE = (".csv", ".tex", ".html", ".svg", ".png", ".json")  # suffixes of what a report holds


@contextmanager
def fresh_directory(path: Path) -> Iterator[Path]:
    """Give a new directory beside `path`; put it in the place of `path` when the block ends well.

    So nothing that was made earlier stays beside what is made now. If nothing was made, there is no
    directory afterwards. Files of kinds that no report holds are somebody's own and stay.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = (path.with_name(f".{path.name}.{uuid.uuid4().hex}") for _ in range(2))
    new.mkdir()
    try:
        yield new
        while any(new.iterdir()) or path.is_dir():
            if path.is_dir():
                path.rename(old)
                for kept in old.iterdir():
                    if kept.suffix not in MADE and not (new / kept.name).exists():
                        kept.rename(new / kept.name)
                shutil.rmtree(old)
            if not any(new.iterdir()):
                break
            try:
                new.rename(path)
                break
            except OSError:
                if not path.is_dir():  # otherwise another process has just put its own there
                    raise
    finally:
        shutil.rmtree(new, ignore_errors=True)


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
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON. NaN is refused: JSON has none, so say null instead."""
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
