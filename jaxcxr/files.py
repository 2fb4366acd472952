"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_UMASK = os.umask(0)  # it can only be read by setting it
os.umask(_UMASK)


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
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the digest of a file in hexadecimal, without holding the file in memory."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON. NaN is refused: JSON has none, so say null instead."""
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
