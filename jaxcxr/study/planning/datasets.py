"""Where a study's prepared datasets lie, and the jobs that make them where it makes its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from input_pipeline.labels import DATASETS, TRAINED, label_set
from input_pipeline.phantom.natural import NATURAL
from jaxcxr.study.planning.definition import Phantom, Study
from jaxcxr.study.planning.jobs import Job


def prepared_data(
    study: Study, dataset: str, labels_of: str, release_seed: int, out: Path, data: dict[str, Job]
) -> tuple[str, tuple[str, ...]]:
    """Return where the prepared dataset lies, and the job that makes it if the study does."""
    own = not set(label_set(dataset, labels_of)) <= set(TRAINED[dataset])
    release = dataset + (f"_seed{release_seed}" if release_seed else "")
    name = release + (f"_{labels_of}" if own else "")
    if study.phantom is None:
        return study.prepared.format(data=name), ()
    phantom = study.phantom
    raw, prepared = out / "releases" / release, out / "prepared" / name
    seed = phantom.seed + DATASETS.index(dataset) + release_seed
    made: dict[str, Any] = {"images": phantom.images, "seed": seed, "size": phantom.size}
    pipeline = (sys.executable, "-m", "input_pipeline")
    data[f"release-{release}"] = Job(
        f"release-{release}",
        (*pipeline, "phantom", dataset, f"--out-dir={raw}", *_options(made)),
        (raw,),
    )
    steps: dict[str, Any] = {"image-size": phantom.image_size, "split": "patient"}
    if dataset == "vindr_cxr":  # names no patients, so that only the publisher's lists can split it
        steps["split"] = "official"
    if own:
        steps["label-set"] = labels_of
    data[f"prepared-{name}"] = Job(
        f"prepared-{name}",
        (
            *(*pipeline, "prepare", dataset, f"--raw-dir={raw}", f"--out-dir={prepared}"),
            *_options(steps),
        ),
        (prepared / "cohort.json",),
        (f"release-{release}",),
    )
    return str(prepared), (f"prepared-{name}",)


def natural_data(
    phantom: Phantom, seed: int, out: Path, data: dict[str, Job]
) -> tuple[str, tuple[str, ...]]:
    """Return where the natural-like pictures lie, and the job that draws them."""
    name = f"prepared-{NATURAL}"
    prepared = out / "prepared" / NATURAL
    made: dict[str, Any] = {
        "images": phantom.natural_images or phantom.images,
        "seed": phantom.seed + seed,
        "size": phantom.image_size,
    }
    pipeline = (sys.executable, "-m", "input_pipeline")
    data[name] = Job(
        name,
        (*pipeline, "phantom", NATURAL, f"--out-dir={prepared}", *_options(made)),
        (prepared / "cohort.json",),
    )
    return str(prepared), (name,)


def _options(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in values.items())
