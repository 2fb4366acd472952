"""The study's answer in a sentence for each grid, from the differences of its averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxcxr.results.terminal import p_value
from jaxcxr.study.analyses.families import AVERAGE
from jaxcxr.study.analyses.paper_tables import Difference

LEVEL = 0.05  # at most, of a false verdict among all datasets of a question
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
      p: two-sided.
      adjusted_p: by Holm over the datasets, and the pairs, of the question.
    """

    dataset: str
    difference: float
    low: float
    high: float
    p: float
    adjusted_p: float

    @property
    def winner(self) -> int | None:
        """0 if the first is better, 1 if the second is, None if undecided."""
        if self.adjusted_p >= LEVEL or self.difference == 0:
            return None
        return int(self.difference < 0)

    @property
    def numbers(self) -> str:
        """As `+4.70 [+0.90, +8.50]`."""
        return f"{signed(self.difference)} [{signed(self.low)}, {signed(self.high)}]"


@dataclass(frozen=True)
class Answer:
    """What one grid says of a pair.

    Attributes:
      label_set: of the grid.
      first, second: titles of its initializations.
      sentence: the answer with its uncertainty.
      bears: what the data can bear, and what they cannot.
      verdicts: of each dataset.
    """

    label_set: str
    first: str
    second: str
    sentence: str
    bears: str
    verdicts: tuple[Verdict, ...]


def answers(differences: Sequence[Difference]) -> list[Answer]:
    """Answer for each label set and pair among the differences, in their order."""
    found: dict[tuple[str, str, str], list[Difference]] = {}
    for row in differences:
        if row.label == AVERAGE and row.adjusted_p is not None:
            found.setdefault((row.label_set, row.first, row.second), []).append(row)
    return [_answer(label_set, rows) for (label_set, *_), rows in found.items()]


def _answer(label_set: str, rows: list[Difference]) -> Answer:
    verdicts = tuple(_verdict(row) for row in rows)
    first, second = rows[0].first, rows[0].second
    trainings = min(row.trainings for row in rows)
    return Answer(
        label_set,
        first,
        second,
        _sentence(_Models(first, second, trainings), verdicts),
        _bears(_Models(first, second, trainings), verdicts),
        verdicts,
    )


def _verdict(row: Difference) -> Verdict:
    # With a p-value there are the numbers that it is of.
    numbers = (row.difference, row.low, row.high, row.p, row.adjusted_p)
    return Verdict(row.dataset, *(float("nan") if one is None else one for one in numbers))


@dataclass(frozen=True)
class _Models:
    """Two initializations, or the one model that was trained from each."""

    first: str
    second: str
    trainings: int

    @property
    def once(self) -> bool:
        return self.trainings == 1

    def named(self, which: int) -> str:
        title = (self.first, self.second)[which]
        return f"the one model trained from {title}" if self.once else title


def _sentence(models: _Models, verdicts: Sequence[Verdict]) -> str:
    better = [one for one in verdicts if one.winner == 0]
    worse = [one for one in verdicts if one.winner == 1]
    undecided = [one for one in verdicts if one.winner is None]
    chance = "the choice of test images" + ("" if models.once else " and of trainings")
    between = f"Undecided between {models.named(0)} and {models.named(1)}"
    nearest = min(verdicts, key=lambda one: one.p)
    if len(undecided) == len(verdicts) == 1:
        return (
            f"{between}: their average AUCs differ by {_with_numbers(nearest)}, no more than "
            f"{chance} explains."
        )
    if len(undecided) == len(verdicts):
        return (
            f"{between}: on none of {_count(len(verdicts), 'dataset')} do their average AUCs "
            f"differ by more than {chance} explains; the nearest to it is {_with_numbers(nearest)}."
        )
    parts = []
    if better:
        parts.append(
            f"{models.named(0)} has a higher average AUC than {models.named(1)} "
            f"{_on(better, len(verdicts))}"
        )
    if worse:
        start = f"{models.named(1)} has a higher average AUC than {models.named(0)}"
        parts.append(f"{'a lower one' if better else start} {_on(worse, len(verdicts))}")
    if undecided:
        parts.append(f"undecided on {_listed([one.dataset for one in undecided])}")
    said = "; ".join(parts) + "."
    return said[0].upper() + said[1:]


def _bears(models: _Models, verdicts: Sequence[Verdict]) -> str:
    """Say in plain words how large a difference the data leave possible, and of what it is."""
    undecided = [one for one in verdicts if one.winner is None]
    sentences = []
    if undecided:
        widest = max(undecided, key=lambda one: one.high - one.low)
        sentences.append(
            f"Undecided does not mean equal: on {widest.dataset} these data agree with anything "
            f"from {_lead(models, widest.low)} to {_lead(models, widest.high)}."
        )
    if models.once:
        sentences.append(
            f"Each model was trained once. Whether {models.first} or {models.second} is the better "
            "start cannot be told from that: another training of either may give another "
            "difference. Several trainings of each (seeds) would tell."
        )
    else:
        sentences.append(
            f"Each was trained {_word(models.trainings)} times; the intervals take in how the "
            "trainings vary as well as which patients were tested."
        )
    return " ".join(sentences)


def _lead(models: _Models, difference: float) -> str:
    ahead = models.second if difference < 0 else models.first
    return f"{ahead} being {signed(abs(difference)).lstrip('+')} percentage points better"


def _on(chosen: Sequence[Verdict], among: int) -> str:
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
        f"{at_most('adjusted p', max(one.adjusted_p for one in chosen))}"
    )


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _with_numbers(one: Verdict) -> str:
    size, low, high = _ahead(one)
    p = equals("p", one.p)
    if one.adjusted_p != one.p:
        p += f", {equals('adjusted p', one.adjusted_p)}"
    numbers = f"{_INTERVAL} {low} to {high}, {p}"
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
    """Write `p ≤ 0.024` or `p < 0.0001`, on one line."""
    return equals(name, p).replace("=", "\N{LESS-THAN OR EQUAL TO}")


def signed(value: float) -> str:
    """Write two decimals with their sign, a real minus."""
    text = f"{value:+.2f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")
