"""Who the images are of: demographics and findings by partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxcxr.reporting.document import Grid
from jaxcxr.reporting.run_record import RunRecord

if TYPE_CHECKING:
    import pandas as pd

_NO_TRAINING = (
    "The training images are not in it: their records lie with the prepared data, not with the run."
)


def demographics(run: RunRecord) -> Grid:
    """Images, patients, age, sex and view of each partition; sex and view are of images."""
    parts = run.partitions()
    header = ("Partition", "Images", "Patients", "Age, years", "Sex", "View")
    rows = tuple(
        (
            name,
            f"{len(part):,}",
            _patients(part),
            _ages(part),
            _shares(part["sex"], "sex"),
            _shares(part["view"], "view"),
        )
        for name, part in parts.items()
    )
    note = "Age: median (quartiles; range), of images. Sex and view: images."
    return Grid(_title(run, "Demographics by partition"), header, rows, _noted(run, note))


def findings(run: RunRecord) -> Grid:
    """Positive, negative and unknown images of each label in each partition."""
    parts = run.partitions()
    header = ("Label", *parts)
    rows = tuple(
        (label, *(_counts(part[label]) for part in parts.values())) for label in run.labels
    )
    note = "Positive / negative images, and how many are unknown where any is."
    return Grid(_title(run, "Findings by partition"), header, rows, _noted(run, note))


def _noted(run: RunRecord, note: str) -> str:
    return note if run.prepared is not None else f"{note} {_NO_TRAINING}"


def _title(run: RunRecord, title: str) -> str:
    return f"{title}: {run.name}"


def _patients(part: pd.DataFrame) -> str:
    named = part["patient_id"].fillna("").astype(str)
    return f"{named.nunique():,}" if len(named) and (named != "").all() else "not named"


def _ages(part: pd.DataFrame) -> str:
    known = part["age"].dropna()
    if not len(known):
        return "unknown"
    low, middle, high = known.quantile([0.25, 0.5, 0.75])
    text = f"{middle:g} ({low:g} to {high:g}; {known.min():g} to {known.max():g})"
    unknown = len(part) - len(known)
    return text + (f"\nunknown: {unknown:,}" if unknown else "")


def _shares(values: pd.Series, what: str) -> str:
    text = values.fillna("").astype(str)
    counts = text[text != ""].value_counts().sort_index()
    lines = [
        f"{name}: {count:,} ({100 * count / len(text):.0f} %)" for name, count in counts.items()
    ]
    unknown = int((text == "").sum())
    if unknown:
        lines.append(f"unknown: {unknown:,}")
    return "\n".join(lines) or f"no {what} recorded"


def _counts(truth: pd.Series) -> str:
    positives, negatives = int((truth == 1).sum()), int((truth == 0).sum())
    unknown = len(truth) - positives - negatives
    return f"{positives:,} / {negatives:,}" + (f"; unknown {unknown:,}" if unknown else "")
