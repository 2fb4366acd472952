"""Families of tests: one a question, its averages before its labels; redraws enough for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from input_pipeline.labels import label_set
from jaxcxr.stats import benjamini_hochberg, holm, redraws_for
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid_definition import Grid

AVERAGE = "Average"
Row = TypeVar("Row", bound=Any)


def adjusted(rows: Sequence[Row]) -> list[Row]:
    """Give each row of a table its adjusted p.

    A label set is one question, over all pairs that it compares; so is each `kind` of difference
    where a table has several. Its averages, which answer it, are adjusted by Holm; its labels,
    which tell where the answer comes from, by Benjamini and Hochberg.

    Args:
      rows: dataclasses with `label_set`, `p` and `adjusted_p`, with `label` unless all are of
        averages, and with `kind` where there are several.
    """
    families: dict[tuple[str, str, bool], list[int]] = {}
    for place, row in enumerate(rows):
        average = getattr(row, "label", AVERAGE) == AVERAGE
        key = row.label_set, getattr(row, "kind", ""), average
        families.setdefault(key, []).append(place)
    found = list(rows)
    for (*_, average), places in families.items():
        p = [np.nan if rows[place].p is None else rows[place].p for place in places]
        corrected = holm(p) if average else benjamini_hochberg(p)
        for place, value in zip(places, corrected, strict=True):
            adjusted_p = float(value) if np.isfinite(value) else None
            found[place] = replace(rows[place], adjusted_p=adjusted_p)
    return found


def family_words(rows: Sequence[Any]) -> str:
    """Say over how many tests the p-values of a table are adjusted."""
    sentences = []
    questions = ((row.label_set, getattr(row, "kind", "")) for row in rows)
    for one, kind in dict.fromkeys(questions):
        tested = [
            row
            for row in rows
            if (row.label_set, getattr(row, "kind", "")) == (one, kind) and row.p is not None
        ]
        averages = sum(getattr(row, "label", AVERAGE) == AVERAGE for row in tested)
        labels = len(tested) - averages
        words = f"by Holm over {averages} average{'' if averages == 1 else 's'}"
        if labels:
            words += f", by Benjamini-Hochberg over {labels} label{'' if labels == 1 else 's'}"
        sentences.append(f"{words} ({one}{f', {kind}' if kind else ''})")
    return "p two-sided, adjusted within each question " + "; ".join(sentences) + "."


def redraws_of(study: Study, grid: Grid) -> int:
    """How many redraws the tests of a grid need: more for many, if p comes from redraws."""
    if len(study.seeds) > 1:
        return study.resamples
    tests = sum(len(label_set(dataset, grid.label_set)) for dataset in grid.datasets)
    sizes = 1 + sum(variant.is_size for variant in grid.variants)
    return redraws_for(tests * len(grid.compared) * sizes, study.resamples)
