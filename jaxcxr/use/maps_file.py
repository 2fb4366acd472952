"""The maps of one image as arrays, `maps.npz`, in the folder of its pictures.

It holds `image_id`, `prepared` `[side, side]` uint8, the image as the model saw it; `labels`
`[all]`, the model's outputs, and `logits` `[all]` float32; of the methods that were asked for
`rollout` `[rows, columns]`, `heads` `[heads, rows, columns]`, `gradients`
`[attributed, side, side]` float32 with the names `attributed` and the error `gaps` `[attributed]`;
and `made_by`, JSON that says of what. It names no place and no patient, and holds no pickle.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from jaxcxr.errors import InputError, reading
from jaxcxr.small_files import parse_json
from jaxcxr.unpacking import check_unpacked

MAPS = "maps.npz"
ALWAYS = ("image_id", "prepared", "labels", "logits")
Found = dict[str, Any]  # the arrays by name, but `made_by`
REMEDY = "make it again by python -m jaxcxr.explain"


class MadeBy(TypedDict):
    """What maps depend on."""

    weights_sha256: str
    methods: list[str]
    attributed: list[str]
    steps: int
    picture: str
    jaxcxr: str


def write_maps(path: Path, arrays: Mapping[str, Any], made_by: MadeBy) -> None:
    """Write the file; the caller puts it in its place."""
    np.savez_compressed(path, **arrays, made_by=np.array(json.dumps(made_by)))


def read_maps(path: Path) -> Found:
    """Read a file back, `made_by` as a dict.

    Raises:
      InputError: there is none, or it is damaged.
    """
    with reading(path, "maps of an image", REMEDY):
        with zipfile.ZipFile(path) as archive:
            check_unpacked(path, sum(one.file_size for one in archive.infolist()))
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found: Found = {name: file[name] for name in file.files}
        if absent := [name for name in (*ALWAYS, "made_by") if name not in found]:
            raise InputError(f"{path}: damaged, it has no {absent[0]}; {REMEDY}")
        sides = found["prepared"].shape
        fits = len(sides) == 2 and found["labels"].shape == found["logits"].shape
        if "gradients" in found:
            named = len(found["attributed"]), len(found["gaps"])
            fits = fits and found["gradients"].shape == (named[0], *sides) and len({*named}) == 1
        if not fits or found["image_id"].shape:
            raise InputError(f"{path}: damaged, its arrays do not fit together; {REMEDY}")
    made_by = parse_json(str(found["made_by"]), MadeBy, f"{path}, its made_by", REMEDY)
    return found | {"made_by": made_by}
