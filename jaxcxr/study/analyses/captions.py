"""What the numbers of a study's tables are, in words that stand below each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.study.analyses.paired import Measured
from jaxcxr.study.planning.definition import FIRST


def titled(paper: str, number: str, what: str) -> str:
    """Title a table or figure, with its number in the first paper if that is what it is beside."""
    return f"{number}: {what}" if paper == FIRST else what[0].upper() + what[1:]


def interval_words(seeds: int, resamples: int) -> str:
    """Say what an interval is of."""
    if seeds == 1:
        return (
            f"95 % percentile intervals over {resamples:,} redraws of test patients, but DeLong's "
            "with Student's t of the AUC of a label, and of its difference where a class has fewer "
            "than 20 patients"
        )
    return (
        f"95 % intervals over test patients and the {seeds} trainings of each model "
        "(Obuchowski-Rockette, Hillis)"
    )


def scope_words(seeds: int) -> str:
    """Say whether a difference is of trained models or of what they start from."""
    if seeds == 1:
        return (
            "Each model was trained once: a difference is of two trained models, and tells nothing "
            "certain of what another training of either would give."
        )
    return f"A difference is of means over {seeds} trainings each, and takes in how these vary."


def floor_words(rows: Sequence[Any], seeds: int, resamples: int) -> list[str]:
    """Say what the smallest p of the redraws is, where a row of a table has it."""
    smallest = 2 / (resamples + 1)
    if seeds > 1 or all(row.p is None or row.p > smallest * 1.000001 for row in rows):
        return []
    return [f"p = {smallest:.2g} is the smallest that {resamples:,} redraws can give."]


def drawn_words(comparisons: Sequence[Measured]) -> list[str]:
    """Say how many redraws were drawn where some lacked a class of a label."""
    more = [one for one in comparisons if one.drawn > one.resamples]
    if not more:
        return []
    counts = "; ".join(
        f"{one.drawn:,} for {one.resamples:,} usable ones on {_where(one)}" for one in more
    )
    return [
        f"Some redraws lacked a class of a label and others were drawn in their place: {counts}."
    ]


def average_words(comparisons: Sequence[Measured]) -> str:
    """Say which labels the averages are over, dataset by dataset."""
    least = comparisons[0].least_patients
    parts = []
    for one in comparisons:
        names = list(zip(one.paired.label_names, one.averaged, one.estimable, strict=True))
        kept = [name for name, averaged, _ in names if averaged]
        few = [name for name, averaged, there in names if there and not averaged]
        none = [name for name, _, there in names if not there]
        words = f"{_where(one)}: {', '.join(kept) or 'no label'}"
        words += f" (too few patients: {', '.join(few)})" if few else ""
        words += f" (one class only: {', '.join(none)})" if none else ""
        parts.append(words)
    return (
        f"Averages and tests are over labels with at least {least} patients in the smaller class, "
        "which are " + "; ".join(dict.fromkeys(parts)) + "."
    )


def _where(one: Measured) -> str:
    return f"{PAPER_DATASETS[one.paired.dataset]} ({one.paired.label_set})"
