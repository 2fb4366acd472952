"""What the files of a run know about one matter, or that they do not know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

# How a line of a checklist begins where no file knows the answer.
AUTHOR, NOT_RECORDED = "AUTHOR:", "not recorded:"


@dataclass(frozen=True)
class Fact:
    """A sentence that the files bear out.

    Attributes:
      text: the sentence or sentences, plain text.
      source: the files, each with the fields read from it.
    """

    text: str
    source: str


@dataclass(frozen=True)
class Missing:
    """Something that a file of a run could say and does not.

    Attributes:
      text: what is not known.
      remedy: what would record it.
    """

    text: str
    remedy: str


Answer = Fact | Missing


def counted(number: int, noun: str) -> str:
    """Write "1 image", "2 images"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def merged(answers: Sequence[tuple[str, Answer]]) -> list[Answer]:
    """Say once what several runs have in common, and of which runs anything else is.

    Args:
      answers: names of runs, each with its answer to one matter.
    """
    runs: dict[Answer, list[str]] = {}
    for run, answer in answers:
        runs.setdefault(answer, []).append(run)
    if len(runs) == 1:
        return list(runs)
    return [replace(one, text=f"{', '.join(of)}: {one.text}") for one, of in runs.items()]
