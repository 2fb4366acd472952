"""Phantom natural-like pictures as a prepared dataset, to pre-train on.

They have no publisher whose layout they could take, so there is no release: the pictures go
through the recipe at once, and the dataset `natural` exists as a prepared one only.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcxr.errors import InputError
from jaxcxr.files import place_beside

if TYPE_CHECKING:
    from input_pipeline.cohort import Cohort
    from input_pipeline.phantom.scenes import Scene

NATURAL = "natural"
# What can be there or not; in the order of the label vectors. See `scenes.Scene.labels`.
LABELS = (
    "Disc",
    "Square",
    "Triangle",
    "Ring",
    "More than 4 objects",
    "Symmetric",
    "Upright stripes",
    "Level stripes",
    "Leaves",
    "Horizon",
    "Tree",
    "Light from the left",
    "Out of focus",
)
TEST_SHARE, VALIDATION_SHARE = 0.1, 0.1


def write_natural(
    out_dir: Path, *, images: int, seed: int = 0, size: int = 224, workers: int = 0
) -> None:
    """Write a prepared dataset of `images` pictures of `size` pixels a side.

    The same arguments give the same bytes, whatever the number of workers (0: one a core).

    Raises:
      InputError: `out_dir` holds something else, or a number makes no sense.
    """
    from input_pipeline.phantom.radiographs import on_cores
    from input_pipeline.prepare import SIZES, prepare

    if size not in SIZES:
        raise InputError(f"size {size}: give {SIZES[0]} to {SIZES[-1]} pixels")
    if images < 1 or seed < 0 or workers < 0:
        raise InputError("give at least 1 image, seed 0, and no negative workers")
    workers = workers or os.cpu_count() or 1
    cohort = natural_cohort(images, seed)
    with place_beside(out_dir) as drawn:
        on_cores(partial(_write, drawn, seed, size), range(images), workers)
        prepare(cohort, drawn, out_dir, size=size, workers=workers)


def natural_cohort(images: int, seed: int) -> Cohort:
    """Label and split the pictures before they are drawn; each counts as a patient of its own.

    Raises:
      InputError: a split would be empty.
    """
    import pandas as pd

    from input_pipeline import splits
    from input_pipeline.cohort import Cohort

    names = [_name(number) for number in range(images)]
    records = pd.DataFrame({"image_id": names, "image_path": [f"{name}.png" for name in names]})
    records = records.assign(patient_id=names, study_id=names, view="", age=float("nan"), sex="")
    records["official_split"] = ""
    records["split"] = splits.assign(
        records, "patient", test_share=TEST_SHARE, validation_share=VALIDATION_SHARE, seed=seed
    )
    if absent := set(splits.SPLITS) - set(records["split"]):
        raise InputError(f"no picture of {images} falls into {min(absent)}; draw more")
    shown = [_scene(seed, number).labels() for number in range(images)]
    labels = pd.DataFrame(shown, columns=list(LABELS)).astype("int8")
    return Cohort(
        dataset=NATURAL,
        label_rules="drawn",
        labels=LABELS,
        records=pd.concat([records, labels], axis=1),
        funnel=[{"step": "drawn", "images": images, "patients": images}],
        settings={"split": "patient", "seed": seed},
    )


def _name(number: int) -> str:
    return f"natural_{number:06d}"


def _scene(seed: int, number: int) -> Scene:
    import numpy as np

    from input_pipeline.phantom.scenes import imagine

    return imagine(np.random.default_rng((seed, 0, number)))


def _write(folder: Path, seed: int, size: int, number: int) -> None:
    import cv2
    import numpy as np

    from input_pipeline.phantom.scenes import draw

    rng = np.random.default_rng((seed, 1, number))
    picture = draw(_scene(seed, number), rng, size)
    _, encoded = cv2.imencode(".png", np.rint(picture * 255).astype(np.uint8))
    (folder / f"{_name(number)}.png").write_bytes(encoded.tobytes())
