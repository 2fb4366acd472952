"""Digests of a checkpoint's files, kept with it: what is damage is certain, and never deleted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from orbax.checkpoint.path import atomicity

from jaxcxr.errors import InputError
from jaxcxr.files import sha256, write_json
from jaxcxr.small_files import parse_json

SEAL = "digests.json"
ASIDE = "damaged-"  # begins the names of checkpoints that were moved aside


def seal(directory: Path) -> None:
    """Write digests of all items' files of checkpoints that are still temporary, beside them."""
    for folder in directory.glob(f"*{atomicity.TMP_DIR_SUFFIX}*"):
        # Orbax writes its own notes on the checkpoint, beside the items, once more when it renames.
        files = sorted(path for path in folder.glob("*/**/*") if path.is_file())
        digests = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
        write_json(folder / SEAL, digests)


def broken_seal(checkpoint: Path) -> str:
    """Say which file is not as it was written; empty if all are, or there are no digests.

    Raises:
      InputError: a file cannot be read, which says nothing of its content.
    """
    path = checkpoint / SEAL
    try:
        if not path.exists():
            return ""
        text = path.read_bytes()
        try:
            expected = parse_json(text, dict[str, str], str(path), "")
        except InputError:
            return f"{SEAL} is not as it was written"
        for name, digest in expected.items():
            path = checkpoint / name
            if not path.is_file():
                return f"{name} is missing"
            if sha256(path) != digest:
                return f"{name} is not as it was written"
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); nothing was changed; check permissions "
            "and the disk, then run the same command again"
        ) from error
    return ""


def move_aside(directory: Path, step: int) -> Path:
    """Rename the checkpoint of a step so that it is none any more; return its new place."""
    places = [f"{ASIDE}{step}", *(f"{ASIDE}{step}-{number}" for number in range(2, 1000))]
    place = next(directory / name for name in places if not (directory / name).exists())
    (directory / str(step)).rename(place)
    return place


def moved_aside(directory: Path) -> list[str]:
    """Names of the checkpoints that were moved aside."""
    return sorted(path.name for path in directory.glob(f"{ASIDE}*"))


def digest_of(value: Any) -> str:
    """The SHA-256 of a JSON value, the same whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def agreed(decide: Callable[[], str]) -> str:
    """Let the first process decide for all.

    Raises:
      InputError: on every process, if deciding raised it.
    """
    if jax.process_count() == 1:
        return decide()
    said, failed = "", None
    if jax.process_index() == 0:
        try:
            said = decide()
        except InputError as error:
            failed = error
    code = int(multihost_utils.broadcast_one_to_all(np.int32(2 if failed else bool(said))))
    if code == 2:
        raise failed or InputError("the first process could not go on; it says why")
    return said or ("so says the first process" if code else "")
