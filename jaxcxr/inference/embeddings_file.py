"""The file of embeddings: features of each image, its id, a digest of its pixels, what made it.

`.npz` holds `image_id` `[images]`, `pixels` `[images]` uint64, `class_token` and `patch_mean`
`[images, width]` float32, and `origin`, JSON. `.parquet` has the same columns, and the origin in
its schema's metadata under `jaxcxr`. Rows have no meaning beyond their id.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Required

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import TypedDict

from jaxcxr.errors import InputError, reading
from jaxcxr.files import atomic_path
from jaxcxr.parquet import read_parquet
from jaxcxr.provenance import AugmentedOnce, Provenance
from jaxcxr.small_files import parse_json
from jaxcxr.unpacking import check_unpacked

FORMAT = 1
SUFFIXES = (".npz", ".parquet")
ORIGIN = b"jaxcxr"
AUGMENTED_ONCE = "augmented_once"  # in the origin: what was drawn for each image, once
REMEDY = "python -m jaxcxr.embed makes one"


class Origin(TypedDict, total=False):
    """What is read of the origin; files of parts have its format alone."""

    format: Required[int]
    weights_sha256: str
    provenance: Provenance | None
    learnt: dict[str, str]
    image_size: int
    recipe: str | None
    recipe_hash: str | None
    dataset: str | None
    data: dict[str, str]
    rejects: list[tuple[str, str]]
    augmented_once: AugmentedOnce


@dataclass(frozen=True)
class Embeddings:
    """Features of images.

    Attributes:
      image_id: `[images]`, as the prepared dataset or the files name them.
      pixels: `[images]` uint64, `pixel_digest` of the image as the model saw it, before scaling.
      class_token: `[images, width]` float32, after the final norm: what a head reads.
      patch_mean: `[images, width]` float32, the mean of the patch tokens, after the final norm.
      origin: what made them: weights, recipe, image size, normalization, dataset.
    """

    image_id: np.ndarray
    pixels: np.ndarray
    class_token: np.ndarray
    patch_mean: np.ndarray
    origin: dict[str, Any]


def pixel_digest(images: np.ndarray) -> np.ndarray:
    """Digest each of `[images, side, side]` uint8 to a uint64, `[images]`."""
    digests = b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(digests, np.uint64)


def check_suffix(path: Path) -> None:
    """Stop before any work where the name of the file does not say its kind."""
    if path.suffix not in SUFFIXES:
        raise InputError(f"--out {path}: give a name that ends in {' or '.join(SUFFIXES)}")


def write_embeddings(path: Path, found: Embeddings) -> None:
    """Write the file, whole or not at all, of the kind that its suffix says."""
    check_suffix(path)
    origin = json.dumps(found.origin, allow_nan=False)
    with atomic_path(path) as temporary:
        if path.suffix == ".npz":
            columns = {name: getattr(found, name) for name in _COLUMNS}
            np.savez(temporary, origin=np.array(origin), **columns)
            return
        table = pa.table(
            {
                "image_id": pa.array(found.image_id.tolist(), pa.string()),
                "pixels": pa.array(found.pixels),
                **{name: _vectors(getattr(found, name)) for name in ("class_token", "patch_mean")},
            }
        )
        pq.write_table(table.replace_schema_metadata({ORIGIN: origin.encode()}), temporary)


_COLUMNS = ("image_id", "pixels", "class_token", "patch_mean")


def _vectors(values: np.ndarray) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def read_embeddings(path: Path) -> Embeddings:
    """Read a file back.

    Raises:
      InputError: there is none, it is damaged, or it does not hold embeddings.
    """
    with reading(path, "a file of embeddings", REMEDY):
        columns, origin = _read_npz(path) if path.suffix == ".npz" else _read_parquet(path)
        if origin["format"] != FORMAT:
            raise InputError(
                f"{path}: embeddings of format {origin['format']}, but this version reads "
                f"{FORMAT}; make them again: {REMEDY}"
            )
        found = Embeddings(**columns, origin=origin)
        shapes = {len(found.image_id), len(found.pixels)}
        shapes |= {len(found.class_token), len(found.patch_mean)}
        finite = np.isfinite(found.class_token).all() and np.isfinite(found.patch_mean).all()
        if len(shapes) > 1 or found.class_token.shape != found.patch_mean.shape or not finite:
            raise InputError(f"{path}: damaged, its columns do not fit together; {REMEDY}")
    return found


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        check_unpacked(path, sum(one.file_size for one in archive.infolist()))
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {name: file[name] for name in _COLUMNS}, _origin(str(file["origin"]), path)


def _origin(text: str | bytes, path: Path) -> dict[str, Any]:
    return parse_json(text, Origin, f"{path}, its origin", REMEDY)


def _read_parquet(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    table = read_parquet(path, "a file of embeddings", REMEDY)
    origin = _origin((table.schema.metadata or {}).get(ORIGIN, b""), path)
    columns = {name: table[name].combine_chunks() for name in _COLUMNS}
    vectors = {
        name: columns[name].flatten().to_numpy().reshape(len(table), -1)
        for name in ("class_token", "patch_mean")
    }
    ids = np.array(columns["image_id"].to_pylist(), dtype=str)
    return {"image_id": ids, "pixels": columns["pixels"].to_numpy(), **vectors}, origin
