"""The sections of a declaration that say what its labels are, and which cells they rest on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from input_pipeline.declared.table_sections import Cell, Part, Pattern, Text, refuse_twice
from input_pipeline.labels import NAMES
from input_pipeline.sides import check_side
from input_pipeline.tables import ids


class LabelName(Part):
    """A label: a finding of the vocabulary by its id, or a name of its own."""

    finding: str = ""
    name: str = ""
    side: Literal["", "right", "left", "none"] = ""

    @model_validator(mode="after")
    def _named_once(self) -> LabelName:
        if bool(self.finding) == bool(self.name.strip()):
            raise ValueError("give either finding, an id of the vocabulary, or name")
        if self.finding and self.finding not in NAMES:
            raise ValueError(f"{self.finding!r} is no id of the vocabulary; use name for your own")
        if self.finding and self.side:
            raise ValueError("the vocabulary knows the side of a finding; leave out side")
        known = {
            ids.word(text): finding for finding, name in NAMES.items() for text in (finding, name)
        }
        if (same := known.get(ids.word(self.name))) and not self._declared(self.name):
            raise ValueError(f"{self.name!r} is in the vocabulary; write finding = {same!r}")
        check_side(self.name, self.side, self._words())
        return self

    def _words(self) -> list[str]:
        """What else may tell a side."""
        return []

    @staticmethod
    def _declared(name: str) -> bool:
        """Whether an earlier declaration added this very name as its own."""
        return NAMES.get(name) == name

    @property
    def id(self) -> str:
        """The finding's id; a label of its own is its own id."""
        return self.finding or self.label

    @property
    def label(self) -> str:
        """The name under which it is stored; a side ends it, as flipping expects."""
        if self.finding:
            return NAMES[self.finding]
        return f"{self.name} {self.side}" if self.side in ("right", "left") else self.name


class ColumnLabel(LabelName):
    """A label with a column of its own; cells that none of the lists names are refused.

    With `positive_pattern`, a regular expression, cells that match it whole are positive too, where
    too many differ to be listed: an outline that was drawn, a score above nothing.
    """

    column: Text
    positive: list[Cell] = Field(default_factory=list)
    positive_pattern: Pattern = ""
    negative: list[Cell] = Field(min_length=1)
    unknown: list[Cell] = Field(default_factory=list)

    @model_validator(mode="after")
    def _apart(self) -> ColumnLabel:
        if not (self.positive or self.positive_pattern):
            raise ValueError("positive names no word; no image would be positive")
        refuse_twice(self.positive, self.negative, self.unknown)
        return self

    def _words(self) -> list[str]:
        return [self.column]


class TermLabel(LabelName):
    """A label that is positive where one of its terms stands."""

    terms: list[Cell] = Field(min_length=1)

    def _words(self) -> list[str]:
        return self.terms


class TermColumn(Part):
    """One column of findings: a single class, or several joined.

    Attributes:
      column: its heading.
      separator: between terms; empty for a single class; `list` for `['a', 'b']`.
      blank: what a cell without terms says of every label.
      unknown: terms that leave open every label that no other term makes positive.
      ignored: terms that are no label, and say nothing against one.
      label: the labels; a term may make several positive.
    """

    column: Text
    separator: str = ""
    blank: Literal["unknown", "negative"]
    unknown: list[Cell] = Field(default_factory=list)
    ignored: list[Cell] = Field(default_factory=list)
    label: list[TermLabel] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> TermColumn:
        terms = list(dict.fromkeys(term for label in self.label for term in label.terms))
        refuse_twice(terms, self.unknown, self.ignored)
        return self
