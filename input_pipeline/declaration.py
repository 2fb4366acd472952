"""The declaration of a table: which columns are what, and what their cells mean.

One TOML file beside the data, `table.toml`; docs/own_data.md says how to write one. Everything that
could be read in two ways has to be said in it, and a word that it does not name is refused.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from input_pipeline import ids
from input_pipeline.labels import NAMES, declare
from input_pipeline.sides import check_side
from input_pipeline.text_table import Form
from jaxcxr.errors import InputError

DECLARATION = "table.toml"


def _as_text(value: Any) -> Any:
    """A cell may be written as a number; its text is compared by `ids.key`, so 1 is `1.0` too."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Cell = Annotated[str, BeforeValidator(_as_text)]
Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """A section; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TableFile(_Part):
    """A table's file, relative to the folder of the data, and its form (`text_table.Form`)."""

    file: Text
    separator: str = Field(default="", max_length=1)
    encoding: str = ""
    sheet: str = ""

    @property
    def form(self) -> Form:
        """What the file does not tell of itself."""
        return Form(self.separator, self.encoding, self.sheet)


class Join(TableFile):
    """Another table whose columns are put beside the rows; `key` is a column of both."""

    key: Text


class Identifier(_Part):
    """A column of identifiers; with `pattern`, its first group (or all of it) is the identifier."""

    column: Text
    pattern: str = ""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return pattern


class Image(_Part):
    """The image of a row.

    Attributes:
      column: names the image; each once.
      path: where it lies below a folder, with headings in braces; the column itself if empty.
      folders: below the folder of the data, in which images lie; `*` stands for any name.
      suffixes: which the path may be without.
    """

    column: Text
    path: str = ""
    folders: list[Text] = Field(default=["."], min_length=1)
    suffixes: list[str] = Field(default=[""], min_length=1)


class Coded(_Part):
    """A column of codes; `values` puts a word that is known for one that is not."""

    column: Text
    values: dict[str, Cell] = {}


class View(_Part):
    """The views: either a column and its words for frontal and other views, or one for all."""

    column: str = ""
    frontal: list[Cell] = []
    other: list[Cell] = []
    values: dict[str, Cell] = {}
    all: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> View:
        if bool(self.column) == (self.all is not None):
            raise ValueError('give a column with its words in frontal and other, or all = "PA"')
        if self.column and not self.frontal:
            raise ValueError("frontal names no word; nothing would be left")
        _refuse_twice(self.frontal, self.other)
        return self


class Exclude(_Part):
    """Rows that are left out: those whose cell is one of `cells`.

    With `kept`, a cell that is in neither list is refused; without it, it stays.
    """

    reason: Text
    column: Text
    cells: list[Cell] = Field(min_length=1)
    kept: list[Cell] = []

    @model_validator(mode="after")
    def _apart(self) -> Exclude:
        _refuse_twice(self.cells, self.kept)
        return self


class LabelName(_Part):
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
    """A label with a column of its own; cells that are in none of the three lists are refused."""

    column: Text
    positive: list[Cell] = Field(min_length=1)
    negative: list[Cell] = Field(min_length=1)
    unknown: list[Cell] = []

    @model_validator(mode="after")
    def _apart(self) -> ColumnLabel:
        _refuse_twice(self.positive, self.negative, self.unknown)
        return self

    def _words(self) -> list[str]:
        return [self.column]


class TermLabel(LabelName):
    """A label that is positive where one of its terms stands."""

    terms: list[Cell] = Field(min_length=1)

    def _words(self) -> list[str]:
        return self.terms


class TermColumn(_Part):
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
    unknown: list[Cell] = []
    ignored: list[Cell] = []
    label: list[TermLabel] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> TermColumn:
        terms = list(dict.fromkeys(term for label in self.label for term in label.terms))
        _refuse_twice(terms, self.unknown, self.ignored)
        return self


class Declaration(_Part):
    """All of `table.toml`."""

    confirmed: Literal[True]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    table: TableFile
    join: list[Join] = []
    image: Image
    patient: Identifier | Literal[False]
    study: Identifier | None = None
    view: View
    age: Coded | None = None
    sex: Coded | None = None
    split: Coded | None = None
    exclude: list[Exclude] = []
    label: list[ColumnLabel] = []
    terms: list[TermColumn] = []

    @model_validator(mode="after")
    def _labels_once(self) -> Declaration:
        names = [label.label for label in self.labels]
        if not names:
            raise ValueError("no label is declared; add [[label]] or [[terms]]")
        _refuse_twice([], names)
        return self

    @property
    def labels(self) -> list[LabelName]:
        """Every label, in the order of the declaration: columns, then terms."""
        return [*self.label, *(label for column in self.terms for label in column.label)]


def _refuse_twice(*lists: list[str]) -> None:
    """Stop at a word that stands twice, in whatever spelling."""
    seen: set[str] = set()
    for word in (word for words in lists for word in words):
        if ids.key(word) in seen:
            raise ValueError(f"{word!r} stands there twice (in one spelling or two)")
        seen.add(ids.key(word))


def read_declaration(path: Path) -> Declaration:
    """Read and check a declaration, and make its dataset and labels known to `labels`.

    Raises:
      InputError: it cannot be read, is not confirmed, or says something that cannot be.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such declaration; python -m input_pipeline describe TABLE drafts one"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no readable TOML file: {error}") from None
    if content.get("confirmed") is False:
        raise InputError(
            f"{path}: a draft; answer its questions, check every line, and set confirmed = true"
        )
    try:
        declared = Declaration.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}") from None
    declare(declared.name, declared.title, {label.id: label.label for label in declared.labels})
    return declared


def _sentence(error: ValidationError) -> str:
    """The first of what is wrong: where, and what."""
    first = error.errors()[0]
    # A union's branch is no key that anyone wrote.
    keys = [str(key) for key in first["loc"] if key not in ("Identifier", "literal[False]")]
    where = ".".join(str(int(key) + 1) if key.isdigit() else key for key in keys)
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        said = "no such key is known here"
    more = error.error_count() - 1
    return (f"{where}: " if where else "") + said + (f" (and {more} more)" if more else "")
