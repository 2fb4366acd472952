"""Differences between initializations and image sizes, their interaction, and equivalence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from jaxcxr.results.table_files import Table
from jaxcxr.stats import equivalence
from jaxcxr.study.analyses.captions import floor_words
from jaxcxr.study.analyses.families import adjusted, family_words
from jaxcxr.study.analyses.row_table import UNTESTED, percent, row_table, tested
from jaxcxr.study.analyses.scaling import averages_first, columns_of, full_models, where_of
from jaxcxr.study.analyses.trainings import Trainings, interval_words_of, scope_of
from jaxcxr.study.planning.definition import Study

INITIALIZATION, SIZE, INTERACTION = "initialization", "image size", "interaction"
ALPHA = 0.05  # of each of two one-sided tests


@dataclass(frozen=True)
class Asked:
    """A contrast of models that differ in one thing, or in two.

    Attributes:
      kind: what they differ in.
      compared: in words.
      at: what they share, in words.
      factors: what each model counts, by its place.
    """

    kind: str
    compared: str
    at: str
    factors: dict[int, int]


@dataclass(frozen=True)
class SizeDifference:
    """A difference in AUC, or one of differences, in percentage points.

    Attributes:
      trained_on, dataset, label_set, label: what it is of; the label may be `Average`.
      kind: `initialization`, `image size` or `interaction`.
      compared, at: what less what, and what they share.
      difference, low, high: with 95 % interval.
      p, adjusted_p: two-sided; adjusted within the kind, averages by Holm, labels by
        Benjamini-Hochberg. Labels of an interaction are not tested.
      runs: ids of the experiments.
    """

    trained_on: str | None
    dataset: str
    label_set: str
    label: str
    kind: str
    compared: str
    at: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted_p: float | None
    runs: str


@dataclass(frozen=True)
class EquivalenceRow:
    """Whether a difference of average AUCs lies within the margin, in percentage points.

    Attributes:
      trained_on, dataset, label_set, kind, compared, at: as of `SizeDifference`.
      margin: set in the study's file.
      difference, low_90, high_90: with the 90 % interval, which lies within the margin exactly if
        the unadjusted p is below 0.05.
      p: of a difference of the margin or more in either direction, the larger of two one-sided.
      adjusted_p: within the kind, by Holm.
      same: whether the adjusted p is below 0.05.
      runs: ids of the experiments.
    """

    trained_on: str | None
    dataset: str
    label_set: str
    kind: str
    compared: str
    at: str
    margin: float
    difference: float | None
    low_90: float | None
    high_90: float | None
    p: float | None
    adjusted_p: float | None
    same: bool | None
    runs: str


def asked_of(trainings: Trainings) -> Iterator[Asked]:
    """Give each pair at each size, each size against the next smaller, and what both make."""
    places = {(one.initialization, one.image_size): one.place for one in full_models(trainings)}
    titles = trainings.measured.paired.titles
    sizes = sorted({size for _, size in places})
    for first, second in trainings.grid.compared:
        for size in sizes:
            if (first, size) in places and (second, size) in places:
                a, b = places[first, size], places[second, size]
                words = f"{titles[a]} less {titles[b]}"
                yield Asked(INITIALIZATION, words, f"{size} px", {a: 1, b: -1})
    for small, large in pairwise(sizes):
        steps = f"{large} px less {small} px"
        for name in trainings.grid.initializations:
            if (name, small) in places and (name, large) in places:
                a, b = places[name, large], places[name, small]
                yield Asked(SIZE, steps, titles[a], {a: 1, b: -1})
        for first, second in trainings.grid.compared:
            four = [(name, size) for name in (first, second) for size in (large, small)]
            if all(one in places for one in four):
                a, b, c, d = (places[one] for one in four)
                words = f"{titles[a]} less {titles[c]}"
                yield Asked(INTERACTION, steps, words, {a: 1, b: -1, c: -1, d: 1})


def difference_rows(every: Sequence[Trainings]) -> list[SizeDifference]:
    """Judge all of several datasets, adjusted as families."""
    rows = []
    for trainings in every:
        measured = trainings.measured
        for asked in asked_of(trainings):
            for name, label in columns_of(trainings):
                if asked.kind == INTERACTION and label is not None:
                    continue
                found = UNTESTED
                if measured.usable(label):
                    judged = measured.contrast(label, asked.factors)
                    found = tested(judged.interval, judged.p)
                where = (*where_of(trainings), name, asked.kind, asked.compared, asked.at)
                rows.append(SizeDifference(*where, *found, None, _runs(trainings, asked)))
    return averages_first(adjusted(rows))


def equivalence_rows(every: Sequence[Trainings]) -> list[EquivalenceRow]:
    """Test averages of several datasets against their grids' margins, adjusted as families."""
    rows = []
    for trainings in every:
        margin, measured = trainings.grid.margin, trainings.measured
        for asked in asked_of(trainings) if margin and measured.usable(None) else ():
            if asked.kind == INTERACTION:
                continue
            judged = measured.contrast(None, asked.factors)
            value = float(judged.interval.value)
            found = equivalence(value, judged.error, margin / 100, judged.freedom, ALPHA)
            p = None if percent(found.equivalent_p) is None else found.equivalent_p
            rows.append(
                EquivalenceRow(
                    *(*where_of(trainings), asked.kind, asked.compared, asked.at, margin),
                    *(percent(value), percent(found.low), percent(found.high), p),
                    *(None, None, _runs(trainings, asked)),
                )
            )
    return [_decided(row) for row in adjusted(rows)]


def _decided(row: EquivalenceRow) -> EquivalenceRow:
    return replace(row, same=None if row.adjusted_p is None else row.adjusted_p < ALPHA)


def _runs(trainings: Trainings, asked: Asked) -> str:
    runs = trainings.measured.paired.runs
    return " ".join(one for place in asked.factors for one in runs[place])


def difference_table(
    study: Study,
    name: str,
    title: str,
    every: Sequence[Trainings],
    rows: Sequence[SizeDifference],
    more_notes: Sequence[str] = (),
) -> Table:
    """Make the table of `difference_rows`."""
    most = max((one.measured.resamples for one in every), default=study.resamples)
    notes = [
        f"Percentage points of AUC; {interval_words_of(study, every)}, paired. "
        f"{family_words(rows)}",
        "An interaction is the difference of the larger image size less that of the smaller: how "
        "much more one initialization gains from it than the other.",
        *more_notes,
        *scope_of(study, every),
        *floor_words(rows, len(study.seeds), most),
    ]
    return row_table(name, title, SizeDifference, rows, notes)


def equivalence_table(
    study: Study, every: Sequence[Trainings], rows: Sequence[EquivalenceRow]
) -> Table:
    """Make `equivalence`."""
    notes = [
        "Percentage points of average AUC with 90 % interval. That a difference is not significant "
        "does not say that there is none. Here p is of a difference of the margin or more, by two "
        "one-sided tests (Schuirmann 1987); the margin stands in the study's file. "
        "Adjusted by Holm, initializations and image sizes each for themselves.",
        *scope_of(study, every),
    ]
    title = "Equivalence: initializations and image sizes that are the same within the margin"
    return row_table("equivalence", title, EquivalenceRow, rows, notes)
