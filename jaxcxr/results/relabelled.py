"""Old predictions under better labels: those of experts, joined by image, beside the old ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline import ids, joins
from input_pipeline.datasets import tables
from input_pipeline.datasets.declared import columns_of
from input_pipeline.declaration import read_declaration
from input_pipeline.declared_labels import findings_of
from input_pipeline.labels import NAMES
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.results.predictions import Predictions
from jaxcxr.stats.agreement import agreement


def relabel(
    predictions: Predictions, path: Path, level: float = 0.95
) -> tuple[Predictions, dict[str, Any]]:
    """Put the labels of a table in the place of those of the predictions.

    Images that the table does not have are left out, and so are labels that it does not have.

    Args:
      predictions: of any splits.
      path: a declaration (`.toml`, its table beside it), or a table with a column `image_id` and
        one for each label (1, 0, -1 or blank for unknown), under its name or its id.
      level: of the intervals of agreement.

    Returns:
      The predictions, and how the images matched and the two labellings agree, as plain data.

    Raises:
      InputError: the predictions name no images, or the two share no image or no label.
    """
    if not predictions.names_images:
        raise InputError(f"{predictions.path} names no images, by which --labels are joined")
    places = {_finding(name): place for place, name in enumerate(predictions.label_names)}
    where, images, findings = _labels_of(path, places)
    shared = {finding: places[finding] for finding in findings if finding in places}
    if not shared:
        raise InputError(
            f"{where} has no label of {predictions.path}: {', '.join(predictions.label_names)}"
        )
    match = joins.join(
        joins.Side(pd.Series(predictions.image_id, dtype="str"), f"{predictions.path} image_id"),
        joins.Side(images, where),
        "predictions and labels",
        share=None,
    )
    kept = np.flatnonzero(match.matched)
    if not len(kept):
        raise InputError(
            f"{where} has none of the {match.left:,} images of {predictions.path}; are the two of "
            "one dataset, and images named alike in both?"
        )
    chosen = list(shared.values())
    before = predictions.at(kept)
    labels = findings[list(shared)].to_numpy(np.int8)[match.place[kept]]
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
    told = {"table": path.name, "sha256": sha256(path), **match.counts(), "agreement": rows}
    told["left_out"] = [name for name in predictions.label_names if name not in after.label_names]
    return after, told


def _labels_of(path: Path, wanted: Collection[str]) -> tuple[str, pd.Series, pd.DataFrame]:
    """Where the labels are from, the image of each row, and a column for each finding."""
    if path.suffix == ".toml":
        declared = read_declaration(path)
        column, _ = columns_of(path.parent, declared)
        where, cells = column(declared.image.column)
        images = tables.identifiers(Path(where), declared.image.column, cells)
        return f"{where} column {declared.image.column}", images, findings_of(declared, column)
    table = tables.read(path, ["image_id"])
    findings = {}
    for name in table.columns:
        if name != "image_id" and _finding(name) in wanted:
            values = tables.numbers(path, name, table[name]).fillna(-1)
            tables.refuse(path, name, table[name], ~values.isin([1, 0, -1]), "1, 0, -1 or blank")
            findings[_finding(name)] = values.astype(np.int8)
    images = tables.identifiers(path, "image_id", table["image_id"])
    return f"{path} column image_id", images, pd.DataFrame(findings, index=table.index)


def _finding(name: str) -> str:
    """The id of a finding, however its name is spelled; of other labels the name."""
    known = {ids.key(text): one for one, title in NAMES.items() for text in (one, title)}
    return known.get(ids.key(name), name)


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
    lines = [
        f"Labels of {told['table']}: {told['left'] - told['left_alone']:,} of {told['left']:,} "
        f"images have them; {told['right_alone']:,} of its {told['right']:,} images are not here."
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
