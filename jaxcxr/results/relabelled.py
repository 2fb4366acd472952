"""Old predictions under better labels, as experts': joined by image or study, beside the old."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.tables import joins
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.results.other_labels import OtherLabels, finding, read_labels
from jaxcxr.results.predictions import Predictions
from jaxcxr.stats.agreement import agreement


def relabel(
    predictions: Predictions, path: Path, level: float = 0.95
) -> tuple[Predictions, dict[str, Any]]:
    """Put the labels of a table in the place of those of the predictions.

    Images that the table does not have are left out, and so are labels that it does not have. A
    label of a study is that of each of its images.

    Args:
      predictions: of any splits.
      path: a declaration (`.toml`, its table beside it), or a table with a column `image_id` or
        `study_id` and one for each label (1, 0, -1 or blank for unknown), under its name or its
        id. Where it names patients (`patient_id`), these are compared.
      level: of the intervals of agreement.

    Returns:
      The predictions, and how the images matched and the two labellings agree, as plain data.

    Raises:
      InputError: the predictions name no images or studies, the two share none or no label, or
        they name another patient.
    """
    places = {finding(name): place for place, name in enumerate(predictions.label_names)}
    other = read_labels(path, places)
    shared = {one: places[one] for one in other.findings if one in places}
    if not shared:
        raise InputError(
            f"{other.where} has no label of {predictions.path}: "
            f"{', '.join(predictions.label_names)}"
        )
    match = _match(predictions, other)
    kept = np.flatnonzero(match.matched)
    chosen = list(shared.values())
    before = predictions.at(kept)
    labels = other.findings[list(shared)].to_numpy(np.int8)[match.place[kept]]
    after = replace(
        before,
        label_names=tuple(predictions.label_names[place] for place in chosen),
        labels=labels,
        scores=before.scores[:, chosen],
    )
    rows = [
        {"label": name, **_agree(before.labels[:, place], labels[:, at], before.patients, level)}
        for at, (name, place) in enumerate(zip(after.label_names, chosen, strict=True))
    ]
    told = {
        "table": path.name,
        "sha256": sha256(path),
        "by": other.of,
        "images": len(predictions.image_id),
        "images_matched": len(kept),
        **match.counts(),
        "agreement": rows,
    }
    told["left_out"] = [name for name in predictions.label_names if name not in after.label_names]
    return after, told


def _match(predictions: Predictions, other: OtherLabels) -> joins.Joined:
    """The row of the other labels that belongs to each image."""
    images = pd.Series(predictions.image_id, dtype="str")
    studies = pd.Series(predictions.study_id, dtype="str")
    if other.of == "study" and not studies.ne("").all():
        raise InputError(
            f"{predictions.path} names no studies (study_id), by which {other.where} is joined; "
            "predict again with this version, which writes them, or give labels by image_id"
        )
    if other.of == "image" and not predictions.names_images:
        raise InputError(f"{predictions.path} names no images, by which --labels are joined")
    match = joins.join(
        joins.Side(
            images if other.of == "image" else studies, f"{predictions.path} {other.of}_id", row=1
        ),
        joins.Side(other.keys, other.where),
        "predictions and labels",
        share=None,
    )
    if not match.matched.any():
        what = "images" if other.of == "image" else "studies"
        raise InputError(
            f"{other.where} has none of the {match.left:,} {what} of {predictions.path}; are the "
            f"two of one dataset, and {what} named alike in both?"
        )
    for what, ours, theirs in (
        ("patient", pd.Series(predictions.patient_id, dtype="str"), other.patients),
        ("study", studies, other.studies),
    ):
        if theirs is not None and ours.ne("").all():
            joins.refuse_others(match, ours, theirs, images, what)
    return match


def _agree(
    before: np.ndarray, after: np.ndarray, patients: np.ndarray | None, level: float
) -> dict[str, Any]:
    """Agreement of the two labellings of one finding; counts alone where no image has both."""
    known = int(((before >= 0) & (after >= 0)).sum())
    if not known:
        return {"images": 0}
    found = asdict(agreement(before, after, patients, level))
    observed = found.pop("observed")
    return {"images": known, "observed": observed["value"], **found}


def agreement_lines(told: dict[str, Any]) -> list[str]:
    """Say how the labels were joined, and how far the two labellings agree."""
    images = f"{told['images_matched']:,} of {told['images']:,} images"
    others = "images"
    if told["by"] == "study":
        images += f" ({told['left'] - told['left_alone']:,} of {told['left']:,} studies)"
        others = "studies"
    lines = [
        f"Labels of {told['table']}: {images} have them; {told['right_alone']:,} of its "
        f"{told['right']:,} {others} are not here."
    ]
    if told["left_out"]:
        lines.append(f"It has no label for {', '.join(told['left_out'])}; they are left out.")
    for row in told["agreement"]:
        if not row["images"]:
            lines.append(f"{row['label']}: no image is labelled in both.")
            continue
        lines.append(
            f"{row['label']}: the labels agree on {100 * row['observed']:.1f} % of "
            f"{row['images']:,} images, kappa {row['kappa']:.2f} "
            f"[{row['kappa_low']:.2f}, {row['kappa_high']:.2f}]; positive in both "
            f"{row['both']:,}, before alone {row['first_only']:,}, now alone "
            f"{row['second_only']:,}."
        )
    return lines
