"""The study's answer in a sentence for each grid, from the differences of its averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxcxr.report.tables import p_value
from jaxcxr.stats import benjamini_hochberg
from jaxcxr.study.rows import AVERAGE, Difference

SHARE = 0.05  # of false discoveries among all averages, that a verdict may carry
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Verdict:
    """The average's difference on one dataset.

    Attributes:
      dataset: as the paper names it.
      difference, low, high: AUC of the first less that of the second, percentage points, and its
        95 % interval.
      p: two-sided, of the paired redraws.
      q: p adjusted by Benjamini-Hochberg over the averages of all datasets and grids.
    """

    dataset: str
    difference: float
    low: float
    high: float
    p: float
    q: float

    @property
    def winner(self) -> int | None:
        """0 if the first is better, 1 if the second is, None if undecided."""
        if self.q >= SHARE or self.difference == 0:
            return None
        return int(self.difference < 0)

    @property
    def numbers(self) -> str:
        """As `4.7 [0.9, 8.5]`, with signs."""
        return f"{signed(self.difference)} [{signed(self.low)}, {signed(self.high)}]"


@dataclass(frozen=True)
class Answer:
    """What one grid says.

    Attributes:
      label_set: of the grid.
      first, second: titles of its initializations.
      sentence: the answer with its uncertainty.
      verdicts: of each dataset.
    """

    label_set: str
    first: str
    second: str
    sentence: str
    verdicts: tuple[Verdict, ...]


def answers(differences: Sequence[Difference]) -> list[Answer]:
    """Answer for each label set among the differences, in their order."""
    averages = [row for row in differences if row.label == AVERAGE and row.p is not None]
    adjusted = benjamini_hochberg([row.p for row in averages]) if averages else np.array([])
    found: dict[str, list[tuple[Difference, float]]] = {}
    for row, q in zip(averages, adjusted, strict=True):
        found.setdefault(row.label_set, []).append((row, float(q)))
    return [_answer(label_set, rows) for label_set, rows in found.items()]


def _answer(label_set: str, rows: list[tuple[Difference, float]]) -> Answer:
    verdicts = tuple(_verdict(row, q) for row, q in rows)
    first, second = rows[0][0].first, rows[0][0].second
    sentence = _sentence(first, second, verdicts)
    return Answer(label_set, first, second, sentence, verdicts)


def _verdict(row: Difference, q: float) -> Verdict:
    # With a p-value there are the numbers that it is of.
    difference, low, high, p = (
        float("nan") if value is None else value
        for value in (row.difference, row.low, row.high, row.p)
    )
    return Verdict(row.dataset, difference, low, high, p, q)


def _sentence(first: str, second: str, verdicts: Sequence[Verdict]) -> str:
    better = [one for one in verdicts if one.winner == 0]
    worse = [one for one in verdicts if one.winner == 1]
    undecided = [one for one in verdicts if one.winner is None]
    total = _count(len(verdicts), "dataset")
    nearest = min(verdicts, key=lambda one: one.p)
    if len(undecided) == len(verdicts) == 1:
        return (
            f"Undecided between {first} and {second}: their average AUCs differ by "
            f"{_with_numbers(nearest)}, no more than the choice of test images explains."
        )
    if len(undecided) == len(verdicts):
        return (
            f"Undecided between {first} and {second}: on none of {total} do their average AUCs "
            "differ by more than the choice of test images explains; the nearest to it is "
            f"{_with_numbers(nearest)}."
        )
    parts = []
    if better:
        parts.append(f"{first} has a higher average AUC than {second} {_where(better, total)}")
    if worse:
        start = "a lower one" if better else f"{second} has a higher average AUC than {first}"
        parts.append(f"{start} {_where(worse, total)}")
    if undecided:
        parts.append(f"undecided on {_listed([one.dataset for one in undecided])}")
    return "; ".join(parts) + "."


def _where(chosen: Sequence[Verdict], total: str) -> str:
    many = total != "one dataset"
    start = f"on {_WORDS[len(chosen)]} of {total}, by " if many else "by "
    return start + _listed([_with_numbers(one) for one in chosen])


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _with_numbers(one: Verdict) -> str:
    """How far the better is ahead: of the nearer to undecided, the first less the second."""
    turned = one.winner == 1
    ends = (-one.high, -one.low) if turned else (one.low, one.high)
    size = -one.difference if turned else one.difference
    write = signed if one.winner is None else _plain
    low, high = map(write, ends)
    numbers = f"95\N{NO-BREAK SPACE}% interval {low} to {high}, {equals('p', one.p)}"
    return f"{write(size)} percentage points on {one.dataset} ({numbers}, {equals('q', one.q)})"


def _count(number: int, what: str) -> str:
    word = _WORDS[number] if number < len(_WORDS) else str(number)
    return f"{word} {what}{'' if number == 1 else 's'}"


def equals(name: str, p: float) -> str:
    """Write `p = 0.024` or `p < 0.0001`, on one line."""
    text = p_value(p)
    words = (name, "<", text[1:]) if text.startswith("<") else (name, "=", text)
    return "\N{NO-BREAK SPACE}".join(words)


def _plain(value: float) -> str:
    return signed(value).lstrip("+")


def signed(value: float) -> str:
    """Write one decimal with its sign, a real minus."""
    text = f"{value:+.1f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")
