"""What has been predicted so far, a line an image, so that a kill loses one batch at most."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from jaxcxr.errors import InputError
from jaxcxr.files import take_lock

Line = dict[str, Any]


class Journal:
    """Lines of plain JSON values in a file, each of one image by its `image_id`.

    Attributes:
      lines: those that are there, by image.
    """

    def __init__(self, file: BinaryIO, lines: dict[str, Line]):
        self._file = file
        self.lines = lines

    def add(self, lines: Iterable[Line]) -> None:
        """Write lines down, so that they are there after a kill."""
        for line in lines:
            self._file.write(_encoded(line))
            self.lines[line["image_id"]] = line
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_journal(path: Path, made_by: Line) -> Iterator[Journal]:
    """Open the journal at `path`, empty unless it was made by the same; one process at a time.

    Args:
      path: of the file, which stays.
      made_by: what predicts, as plain JSON values.

    Raises:
      InputError: another process is at it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if not take_lock(file):
            raise InputError(
                f"{path}: another process is predicting into it; wait for it to end, or use "
                "another --out"
            )
        file.seek(0)
        whole: list[Line] = []
        good = 0
        for raw in file:
            try:
                line = json.loads(raw) if raw.endswith(b"\n") else None
            except ValueError:
                line = None
            if line is None:  # what a kill or a full disk left of the last line
                break
            whole.append(line)
            good += len(raw)
        if not whole or whole[0] != json.loads(json.dumps(made_by)):
            whole, good = [], 0
        file.truncate(good)
        journal = Journal(file, {line["image_id"]: line for line in whole[1:]})
        if not whole:
            file.write(_encoded(made_by))
            file.flush()
        yield journal


def _encoded(line: Line) -> bytes:
    return json.dumps(line, allow_nan=False).encode() + b"\n"
