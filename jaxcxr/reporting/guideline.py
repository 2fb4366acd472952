"""The items of a reporting guideline, a small file each, and which facts answer them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

# By the name that the command takes, its file in `guidelines/`.
GUIDELINES = {"claim": "claim.toml", "tripod-ai": "tripod_ai.toml"}


@dataclass(frozen=True)
class Item:
    """An item of a guideline.

    Attributes:
      number: as the guideline numbers it.
      asks: what it asks for, in our words.
      facts: names of `jaxcxr.reporting.checklist.FACTS` that answer it, as far as they go.
      author: what only a person can say; empty if nothing.
    """

    number: str
    asks: str
    facts: tuple[str, ...]
    author: str = ""

    @property
    def coverage(self) -> str:
        """Who answers it: the `files`, `files and author`, or the `author` alone."""
        if not self.facts:
            return "author"
        return "files and author" if self.author else "files"


@dataclass(frozen=True)
class Guideline:
    """A reporting guideline.

    Attributes:
      name: of it, with its year.
      reference: where it was published.
      sections: headings, each with its items.
    """

    name: str
    reference: str
    sections: tuple[tuple[str, tuple[Item, ...]], ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """All of them, in order."""
        return tuple(item for _, items in self.sections for item in items)


@cache
def read_guideline(name: str) -> Guideline:
    """Read one of `GUIDELINES`; the files are our own."""
    file = resources.files("jaxcxr.reporting") / "guidelines" / GUIDELINES[name]
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    sections = tuple(
        (
            section["title"],
            tuple(Item(**one | {"facts": tuple(one["facts"])}) for one in section["items"]),
        )
        for section in found["section"]
    )
    return Guideline(found["name"], found["reference"], sections)


def coverage_table(name: str) -> list[tuple[str, str, str]]:
    """List each item's number, what it asks, and who answers it; `docs/reporting.md` shows it."""
    return [(item.number, item.asks, item.coverage) for item in read_guideline(name).items]
