"""How large a table may become in memory, decided before it is unpacked.

A few kilobytes of a compressed file may hold gigabytes. The largest table of a publisher takes
0.2 GB as text; only what is as large on the disk may be larger, such as features of many images.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from jaxcxr.errors import InputError

MOST_BYTES = 1 << 29
MOST_TIMES = 8  # so many times the bytes of its file, where that is more


def check_unpacked(path: Path, size: int) -> None:
    """Stop where a file holds more than it may.

    Args:
      path: the file.
      size: bytes that it would unpack to, or a bound that is not below.

    Raises:
      InputError: that is too much.
    """
    most = max(MOST_BYTES, MOST_TIMES * path.stat().st_size)
    if size > most:
        raise InputError(
            f"{path}: unpacks to {size / 2**30:,.1f} GB or more, and a table of its size may have "
            f"{most / 2**30:,.1f}; give the file that its maker wrote, or split it"
        )


def read_unpacked(path: Path) -> bytes:
    """Read a text file, gzipped if its name ends so, and stop unpacking where it is too large.

    Raises:
      InputError: it is too large.
    """
    if path.suffix != ".gz":
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InputError(
                f"{path}: {size / 2**30:,.1f} GB, and a table of text may have "
                f"{MOST_BYTES / 2**30:,.1f}; split it, or write it as parquet"
            )
        return path.read_bytes()
    with gzip.open(path) as file:
        content = file.read(MOST_BYTES + 1)
    check_unpacked(path, len(content))
    return content
