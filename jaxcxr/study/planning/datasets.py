"""Where a study's prepared datasets lie, and the jobs that make them where it makes its own."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from input_pipeline.labels import DATASETS, TRAINED, WITHOUT_PATIENTS, label_set
from input_pipeline.phantom.natural import NATURAL
from jaxcxr.study.planning.belonging import made_misfit
from jaxcxr.study.planning.definition import Phantom, Study
from jaxcxr.study.planning.jobs import Job


def prepared_data(
    study: Study,
    dataset: str,
    labels_of: str,
    release_seed: int,
    out: Path,
    data: dict[str, Job],
    image_size: int = 0,
) -> tuple[str, tuple[str, ...]]:
    """Return where the prepared dataset lies, and the job that makes it if the study does.

    `image_size` is a variant's own, 0 for that of every experiment.
    """
    own = not set(label_set(dataset, labels_of)) <= set(TRAINED[dataset])
    release = dataset + (f"_seed{release_seed}" if release_seed else "")
    name = release + (f"_{labels_of}" if own else "") + (f"_{image_size}" if image_size else "")
    if study.phantom is None:
        return study.prepared.format(data=name), ()
    phantom = study.phantom
    raw, prepared = out / "releases" / release, out / "prepared" / name
    seed = phantom.seed + DATASETS.index(dataset) + release_seed
    made: dict[str, Any] = {"images": phantom.images, "seed": seed, "size": phantom.size}
    pipeline = (sys.executable, "-m", "input_pipeline")
    drawn = (*pipeline, "phantom", dataset, f"--out-dir={raw}", *_options(made))
    data[f"release-{release}"] = _job(out, f"release-{release}", drawn, raw)
    steps: dict[str, Any] = {"image-size": image_size or phantom.image_size, "split": "patient"}
    if dataset in WITHOUT_PATIENTS:  # only the publisher's lists can split them
        steps["split"] = "official"
    if own:
        steps["label-set"] = labels_of
    command = (
        *(*pipeline, "prepare", dataset, f"--raw-dir={raw}", f"--out-dir={prepared}"),
        *_options(steps),
    )
    data[f"prepared-{name}"] = _job(
        out, f"prepared-{name}", command, prepared / "cohort.json", f"release-{release}"
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
    command = (*pipeline, "phantom", NATURAL, f"--out-dir={prepared}", *_options(made))
    data[name] = _job(out, name, command, prepared / "cohort.json")
    return str(prepared), (name,)


def _job(out: Path, name: str, command: tuple[str, ...], done: Path, *needs: str) -> Job:
    return Job(name, command, (done,), needs, partial(made_misfit, out, name, command))


def misfit_of_made(data: dict[str, Job], needs: tuple[str, ...]) -> str:
    """Say which of the data that an experiment needs, if the study makes them, do not fit."""
    for job in (data[name] for name in needs if name in data):
        if all(path.exists() for path in job.done) and (why := job.misfit()):
            return f"{job.id} {why}"
        if why := misfit_of_made(data, job.needs):
            return why
    return ""


def _options(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in values.items())
