"""Write what a model says of image files: a row an image, and what the numbers mean.

The columns are those of `predictions.parquet` (`jaxcxr.inference.predictions_file`), so that all
that reads it reads these, and for each label also `probability:NAME` and `decision:NAME` (1, 0, or
blank without a threshold); `flags`, why an image is none that the run was made for; and where
asked for the training images most alike, see `jaxcxr.use.neighbours`. What the
numbers mean stands in a parquet's metadata under `jaxcxr`, in a JSON under `about`, and beside a
CSV, which has no place for it, in `OUT.about.json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path, write_json
from jaxcxr.inference.image_files import rejects_of, report_rejects
from jaxcxr.inference.predictions_file import write_predictions
from jaxcxr.terminal import say
from jaxcxr.use.card import LabelCard, card_json
from jaxcxr.use.flags import Trained
from jaxcxr.use.journal import Line
from jaxcxr.use.neighbours import Training
from jaxcxr.use.places import without_places

SUFFIXES = (".parquet", ".csv", ".json")


def check_suffix(out: Path) -> None:
    """Stop before any work where the file could not be written.

    Raises:
      InputError: it is of no known kind.
    """
    if out.suffix not in SUFFIXES:
        raise InputError(f"--out {out}: name it NAME{', NAME'.join(SUFFIXES)}")


def write_files(
    out: Path,
    lines: Sequence[Line],
    card: Sequence[LabelCard],
    origins: Sequence[dict[str, Any]],
    trained: Trained,
    training: Training | None = None,
) -> None:
    """Write `out`, and `OUT.rejects.csv` where images could not be read.

    Args:
      out: `.parquet`, `.csv` or `.json`.
      lines: of the journal, one an image, in the order of the rows.
      card: of the labels, in the order of the logits.
      origins: provenance of each run's weights.
      trained: what flags compare with.
      training: of which the lines name the images that are most alike.

    Raises:
      InputError: no image could be read.
    """
    rejects = [(line["image_id"], line["reason"]) for line in lines if "reason" in line]
    report_rejects(out, rejects)
    good = [line for line in lines if "reason" not in line]
    if not good:
        raise InputError(f"none of {len(rejects)} files can be read; see {rejects_of(out)}")
    _report(good)
    table = _table(good, card)
    if training is not None:
        table = pd.concat([table, training.columns([line["near"] for line in good])], axis=1)
    # Of one run, its provenance as in all its predictions; of several, that of each.
    origin = dict(origins[0]) if len(origins) == 1 else {"ensemble": list(origins)}
    about = without_places(origin) | {
        "labels": [one.label for one in card],
        "cards": card_json(card),
        "trained": {"youngest": trained.youngest, "lateral": trained.lateral},
        "rejected": len(rejects),
        "neighbours": None if training is None else training.about(),
    }
    if out.suffix == ".parquet":
        write_predictions(out, [table], about)
    elif out.suffix == ".csv":
        write_json(out.with_name(f"{out.name}.about.json"), about)
        with atomic_path(out) as temporary:
            table.to_csv(temporary, index=False)
    else:
        rows = json.loads(table.to_json(orient="records", double_precision=15))
        told = [{"image_id": name, "reason": reason} for name, reason in rejects]
        write_json(out, {"about": about, "images": rows, "rejects": told})


def _table(lines: Sequence[Line], card: Sequence[LabelCard]) -> pd.DataFrame:
    logits = np.array([line["logits"] for line in lines], np.float32)
    columns: dict[str, Any] = {
        "image_id": [line["image_id"] for line in lines],
        "patient_id": "",
        "split": [line["split"] for line in lines],
        "view": "",
        "age": np.nan,
        "sex": "",
        "flags": ["; ".join(line["flags"]) for line in lines],
    }
    columns |= {f"label:{one.label}": -1 for one in card}
    columns |= {f"logit:{one.label}": logits[:, column] for column, one in enumerate(card)}
    for column, one in enumerate(card):
        columns[f"probability:{one.label}"] = one.probability(logits[:, column])
        if one.threshold is None:
            called = pd.Series([pd.NA] * len(lines), dtype="Int8")
        else:
            called = pd.Series(logits[:, column] >= one.threshold).astype("Int8")
        columns[f"decision:{one.label}"] = called
    return pd.DataFrame(columns)


def _report(good: Sequence[Line]) -> None:
    """Say how many images the model learnt from, and how many are flagged."""
    seen = [line["image_id"] for line in good if line["split"] == "train"]
    if seen:
        say(
            f"{len(seen)} of {len(good)} images were trained on by this run, the first {seen[0]}; "
            "their split is train in the predictions",
            error=True,
        )
    for line in good:
        if line["flags"]:
            say(f"flagged {line['image_id']}: {'; '.join(line['flags'])}", error=True)
