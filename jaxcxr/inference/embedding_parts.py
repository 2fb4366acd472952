"""Embeddings part by part, each a file beside the result until all are there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcxr.errors import InputError
from jaxcxr.files import write_json
from jaxcxr.inference.embeddings_file import Embeddings, read_embeddings, write_embeddings
from jaxcxr.small_files import read_json
from jaxcxr.terminal import progress_of_images

Report = Callable[[int], None]  # of images done
Parts = Iterator[tuple[int, Embeddings]]


def made_in_parts(
    out: Path,
    identity: dict[str, Any],
    count: int,
    images: int,
    make: Callable[[Sequence[int], Report], Parts],
) -> list[Embeddings]:
    """Make what is missing of the parts in `OUT.parts`, which stay until `joined`.

    Args:
      out: the file that they are for.
      identity: what they are made of, as plain JSON values; parts of other things are removed.
      count: of parts.
      images: in all, for the progress.
      make: gives those of some numbers, in any order; is told whom to report images done to.

    Returns:
      All parts, in order; they may be without an image.
    """
    folder = out.with_name(f"{out.name}.parts")
    if not _same(folder / "made.json", identity):
        shutil.rmtree(folder, ignore_errors=True)
        write_json(folder / "made.json", identity)
    found = {number: _whole(folder / f"{number:06}.npz") for number in range(count)}
    missing = [number for number, one in found.items() if one is None]
    with progress_of_images("embedding") as progress:
        task = progress.add_task("", total=images)
        for one in found.values():
            progress.advance(task, 0 if one is None else _seen(one))
        for number, one in make(missing, lambda images: progress.advance(task, images)):
            write_embeddings(folder / f"{number:06}.npz", one)
            found[number] = one
    return [one for one in found.values() if one is not None]


def joined(out: Path, origin: dict[str, Any], parts: Sequence[Embeddings]) -> Embeddings:
    """Write all parts to `out`, and remove them.

    Raises:
      InputError: they hold no image.
    """
    parts = [one for one in parts if len(one.image_id)]
    if not parts:
        raise InputError(f"{out}: there is no image to embed")
    columns = ("image_id", "pixels", "class_token", "patch_mean")
    values = {name: np.concatenate([getattr(one, name) for one in parts]) for name in columns}
    whole = Embeddings(**values, origin=origin | {"images": len(values["image_id"])})
    write_embeddings(out, whole)
    shutil.rmtree(out.with_name(f"{out.name}.parts"))
    return whole


def _seen(part: Embeddings) -> int:
    return len(part.image_id) + len(part.origin.get("rejects", ()))


def _same(path: Path, identity: dict[str, Any]) -> bool:
    try:
        made = read_json(path, dict[str, Any], "an account of parts", "embed again")
    except InputError:
        return False
    return made == json.loads(json.dumps(identity))


def _whole(path: Path) -> Embeddings | None:
    """Read a part; None where there is none, or what a full disk or a bad one left of it."""
    try:
        return read_embeddings(path)
    except InputError:
        return None
