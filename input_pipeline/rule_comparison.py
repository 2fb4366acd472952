"""Where the study's label rule and the curated one disagree, and over which words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from input_pipeline.cohort import read_release
from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import UNKNOWN, LabelRule
from input_pipeline.labels import NAMES

COLUMNS = (
    "finding",
    "label",
    "paper",
    "curated",
    "only_paper",
    "only_curated",
    "unknown",
    "evidence",
)


@dataclass(frozen=True)
class RuleComparison:
    """Two rules over one release.

    Attributes:
        images: how many images are `both`, `only paper`, `only curated`.
        dropped: rule, the step that drops images, and how many of those the other rule keeps.
        labels: a row a finding. `paper` and `curated` count positives in each rule's own cohort;
            `only_paper`, `only_curated` and `unknown` count, over the images both
            keep, those that one rule alone calls positive, and those curated calls unknown;
            `evidence` gives the publisher's words or marks in these images, commonest first.
    """

    images: dict[str, int]
    dropped: list[tuple[str, str, int]]
    labels: pd.DataFrame


def compare_rules(
    dataset: str, raw_dir: str | Path, *, uncertain: str = "ignore", examples: int = 4
) -> RuleComparison:
    """Read the release under both rules and hold them side by side.

    Raises:
        InputError: as `input_pipeline.cohort.load_cohort`.
    """
    paper = read_release(dataset, raw_dir, LabelRule("paper"))
    curated = read_release(dataset, raw_dir, LabelRule("curated", uncertain))
    by_paper, by_curated = paper.kept(), curated.kept()
    both = by_paper & by_curated
    images = {
        "both": int(both.sum()),
        "only paper": int((by_paper & ~by_curated).sum()),
        "only curated": int((by_curated & ~by_paper).sum()),
    }
    dropped = _dropped("curated", curated, by_paper) + _dropped("paper", paper, by_curated)
    rows = [
        _row(finding, paper, curated, both, examples)
        for finding in NAMES
        if finding in paper.findings
    ]
    return RuleComparison(images, dropped, pd.DataFrame(rows, columns=list(COLUMNS)))


def _dropped(rule: str, release: Release, kept_by_other: pd.Series) -> list[tuple[str, str, int]]:
    left = kept_by_other.copy()
    dropped = []
    for step, passes in release.steps:
        if count := int((left & ~passes).sum()):
            dropped.append((rule, step, count))
        left &= passes
    return dropped


def _row(
    finding: str, paper: Release, curated: Release, both: pd.Series, examples: int
) -> tuple[object, ...]:
    ours, theirs = curated.findings[finding], paper.findings[finding]
    only_paper = both & theirs.eq(1) & ours.eq(0)
    only_curated = both & theirs.ne(1) & ours.eq(1)
    unknown = both & ours.eq(UNKNOWN)
    words = paper.evidence(finding)[only_paper | only_curated | unknown].value_counts()
    evidence = "; ".join(f"{word or 'no mark'} ({n:,})" for word, n in words.head(examples).items())
    return (
        finding,
        NAMES[finding],
        int((theirs.eq(1) & paper.kept()).sum()),
        int((ours.eq(1) & curated.kept()).sum()),
        int(only_paper.sum()),
        int(only_curated.sum()),
        int(unknown.sum()),
        evidence,
    )
