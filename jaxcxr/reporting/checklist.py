"""A reporting checklist, filled as far as the files of a run or of a study know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from typing_extensions import TypedDict

from jaxcxr import __version__
from jaxcxr.reporting import data_facts, model_facts, result_facts
from jaxcxr.reporting.cohort_tables import demographics, findings
from jaxcxr.reporting.document import Block, Bullets, Grid, Heading, Paragraph, Picture
from jaxcxr.reporting.fact import AUTHOR, NOT_RECORDED, Answer, Fact, Missing, counted, merged
from jaxcxr.reporting.guideline import Guideline, Item
from jaxcxr.reporting.result_tables import (
    elsewhere,
    failures,
    performance,
    robustness,
    subgroups,
)
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.small_files import read_json

# What a run knows, by the names that the guidelines' files use.
FACTS: dict[str, Callable[[RunRecord], Answer]] = (
    data_facts.FACTS | model_facts.FACTS | result_facts.FACTS
)
QUESTION = "question"  # of a study, which no run knows


class StudyProvenance(TypedDict):
    """What is read of a study's `report/provenance.json`."""

    question: str


def study_question(study: Path | None) -> Answer:
    """Say what a study asks, from its report.

    Raises:
      InputError: its provenance is damaged.
    """
    remedy = "python -m jaxcxr.study writes it with the report"
    if study is None:
        return Missing("the question of a study: this is one run", "a study, with --study DIR")
    path = study / "report" / "provenance.json"
    if not path.is_file():
        return Missing("the question of the study: it has no report yet", remedy)
    found = read_json(path, StudyProvenance, "a study's provenance", remedy)
    return Fact(f"The study asks: {found['question']}", "report/provenance.json: question")


def answers(runs: Sequence[RunRecord], question: Answer) -> dict[str, list[Answer]]:
    """Answer every fact's name; of several runs once what they have in common."""
    found = {name: merged([(run.name, make(run)) for run in runs]) for name, make in FACTS.items()}
    return found | {QUESTION: [question]}


def checklist(
    guideline: Guideline,
    runs: Sequence[RunRecord],
    question: Answer,
    figures: Sequence[Picture],
) -> list[Block]:
    """Compose the document.

    Args:
      guideline: whose items to fill.
      runs: one, or the finished ones of a study.
      question: of `study_question`.
      figures: of the participants' flow.
    """
    known = answers(runs, question)
    blocks: list[Block] = [
        Heading(f"{guideline.name}, filled from {_named(runs)}", 1),
        Paragraph(
            f"Filled by jaxcxr {__version__} from files alone. Items are numbered as in "
            f"{guideline.reference}; their words here are not the guideline's."
        ),
        Bullets(tuple(_tally(guideline, known))),
    ]
    for title, items in guideline.sections:
        blocks.append(Heading(title))
        header = ("Item", "Asks for", "Answer", "From")
        blocks.append(Grid("", header, tuple(_row(item, known) for item in items)))
    blocks.append(Heading("Figures and tables"))
    blocks += figures
    for run in runs:
        blocks += _tables(run)
    return blocks


def _named(runs: Sequence[RunRecord]) -> str:
    return f"run {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs"


def _row(item: Item, known: Mapping[str, Sequence[Answer]]) -> tuple[str, str, str, str]:
    texts, sources = [], []
    for answer in _of_item(item, known):
        if isinstance(answer, Fact):
            texts.append(answer.text)
            sources.append(answer.source)
        else:
            texts.append(f"{NOT_RECORDED} {answer.text}. What would record it: {answer.remedy}")
    if item.author:
        texts.append(f"{AUTHOR} {item.author}")
    return item.number, item.asks, "\n".join(texts), "\n".join(dict.fromkeys(sources)) or "-"


def _of_item(item: Item, known: Mapping[str, Sequence[Answer]]) -> Iterator[Answer]:
    for name in item.facts:
        yield from known[name]


STATES = {
    "filled": "filled from the files",
    "author too": f"filled as far as files go, and for the authors to complete ({AUTHOR})",
    "in part": f"filled in part, for no file says the rest ({NOT_RECORDED})",
    "not recorded": f"open, for no file says ({NOT_RECORDED})",
    "author alone": f"for the authors alone ({AUTHOR})",
}


def state_of(item: Item, known: Mapping[str, Sequence[Answer]]) -> str:
    """Say how far an item is filled, one of `STATES`."""
    recorded = [isinstance(answer, Fact) for answer in _of_item(item, known)]
    if not any(recorded):
        return "author alone" if item.author else "not recorded"
    if not all(recorded):
        return "in part"
    return "author too" if item.author else "filled"


def _tally(guideline: Guideline, known: Mapping[str, Sequence[Answer]]) -> Iterator[str]:
    for state, words in STATES.items():
        numbers = [item.number for item in guideline.items if state_of(item, known) == state]
        named = f": {', '.join(numbers)}" if numbers else ""
        yield f"{counted(len(numbers), 'item')} {words}{named}"


def _tables(run: RunRecord) -> list[Grid]:
    found: list[Grid | None] = [demographics(run), findings(run), performance(run), subgroups(run)]
    found += [failures(run), robustness(run), *elsewhere(run)]
    return [grid for grid in found if grid is not None and grid.rows]
