"""The study's answer in a sentence for each grid, from the differences of its averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxcxr.results.terminal import p_value
from jaxcxr.stats import benjamini_hochberg
from jaxcxr.study.analyses.paper_tables import AVERAGE, Difference

SHARE = 0.05  # of false discoveries among all averages, that a verdict may carry
_NAMED = 2  # datasets whose numbers a sentence tells one by one
_INTERVAL = "95\N{NO-BREAK SPACE}% interval"
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
        """As `+4.70 [+0.90, +8.50]`."""
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
        parts.append(
            f"{first} has a higher average AUC than {second} {_where(better, len(verdicts))}"
        )
    if worse:
        start = "a lower one" if better else f"{second} has a higher average AUC than {first}"
        parts.append(f"{start} {_where(worse, len(verdicts))}")
    if undecided:
        parts.append(f"undecided on {_listed([one.dataset for one in undecided])}")
    return "; ".join(parts) + "."


def _where(chosen: Sequence[Verdict], among: int) -> str:
    start = "by "
    if among > 1:
        how_many = "all" if len(chosen) == among else f"{_word(len(chosen))} of"
        start = f"on {how_many} {_count(among, 'dataset')}, by "
    if len(chosen) <= _NAMED:
        return start + _listed([_with_numbers(one) for one in chosen])
    least, *_, most = sorted(chosen, key=lambda one: abs(one.difference))
    (size, low, high), (up_to, from_, to) = _ahead(least), _ahead(most)
    return (
        f"{start}{size} percentage points on {least.dataset} ({_INTERVAL} {low} to {high}) up to "
        f"{up_to} on {most.dataset} ({from_} to {to}), each with "
        f"{at_most('q', max(one.q for one in chosen))}"
    )


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _with_numbers(one: Verdict) -> str:
    size, low, high = _ahead(one)
    numbers = f"{_INTERVAL} {low} to {high}, {equals('p', one.p)}, {equals('q', one.q)}"
    return f"{size} percentage points on {one.dataset} ({numbers})"


def _ahead(one: Verdict) -> tuple[str, str, str]:
    """How far the better is ahead, with interval; undecided, the first less the second."""
    if one.winner is None:
        return signed(one.difference), signed(one.low), signed(one.high)
    values = (one.difference, one.low, one.high)
    if one.winner == 1:
        values = (-one.difference, -one.high, -one.low)
    size, low, high = (signed(value).lstrip("+") for value in values)
    return size, low, high


def _word(number: int) -> str:
    return _WORDS[number] if number < len(_WORDS) else str(number)


def _count(number: int, what: str) -> str:
    return f"{_word(number)} {what}{'' if number == 1 else 's'}"


def equals(name: str, p: float) -> str:
    """Write `p = 0.024` or `p < 0.0001`, on one line."""
    text = p_value(p)
    words = (name, "<", text[1:]) if text.startswith("<") else (name, "=", text)
    return "\N{NO-BREAK SPACE}".join(words)


def at_most(name: str, p: float) -> str:
    """Write `q ≤ 0.024` or `q < 0.0001`, on one line."""
    return equals(name, p).replace("=", "\N{LESS-THAN OR EQUAL TO}")


def signed(value: float) -> str:
    """Write two decimals with their sign, a real minus."""
    text = f"{value:+.2f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")
