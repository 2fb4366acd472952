"""Images that a run was not made for, by what their headers say: predicted all the same, flagged.

Whether a lateral view or a child is foreign to a run is told by its training images: their views
and ages stand in the weights' provenance, and for weights of before that in the data, if there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from input_pipeline.decoding.dicom_about import About
from jaxcxr.errors import InputError
from jaxcxr.run.belongs import open_run_data
from jaxcxr.run.directory import read_config
from jaxcxr.run.inputs import population

ADULT = 18  # years
LATERAL = ("LATERAL", "L", "LL", "RL", "XTABLE LATERAL")  # of `input_pipeline.tables.codes.VIEWS`


@dataclass(frozen=True)
class Trained:
    """What an ensemble was trained on; of several runs, what any of them had.

    Attributes:
      youngest: age in years of the youngest; None where no age is known.
      lateral: whether lateral views were among them; None where no view is known.
    """

    youngest: float | None
    lateral: bool | None


def trained_by(runs: Sequence[Path], origins: Sequence[dict[str, Any]]) -> Trained:
    """Gather what runs were trained on."""
    known = [_population(run, origin) for run, origin in zip(runs, origins, strict=True)]
    ages = [one["youngest"] for one in known if one["youngest"] is not None]
    views = {view for one in known for view in one["views"]}
    return Trained(
        youngest=min(ages, default=None),
        lateral=any(view in LATERAL for view in views) if views else None,
    )


def flags_of(about: About, trained: Trained) -> list[str]:
    """Say in words what is foreign to the training about an image; nothing where nothing is."""
    flags = []
    if about["not_chest"]:
        flags.append(f"not a chest radiograph by its header ({about['not_chest']})")
    if about["lateral"] and not trained.lateral:
        known = "the training had none" if trained.lateral is False else "of the training's views "
        known += "" if trained.lateral is False else "nothing is known"
        flags.append(f"lateral by its header ({about['lateral']}); {known}")
    age = about["age"]
    if age is not None and age < ADULT and (trained.youngest is None or age < trained.youngest):
        known = "of the training's ages nothing is known"
        if trained.youngest is not None:
            known = f"the youngest of the training was {trained.youngest:.3g}"
        flags.append(f"a child by its header ({age:.3g} years); {known}")
    return flags


def _population(run: Path, origin: dict[str, Any]) -> dict[str, Any]:
    if "population" in origin:
        return dict(origin["population"])
    try:
        return population(read_config(run), open_run_data(run, origin))
    except InputError:  # the data are elsewhere by now; the flags say that nothing is known
        return {"youngest": None, "views": {}}
