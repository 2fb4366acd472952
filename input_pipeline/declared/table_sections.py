"""The sections of a declaration that say what the columns of a table are."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from input_pipeline.tables import ids
from input_pipeline.tables.text_table import Form


def _as_text(value: Any) -> Any:
    """A cell may be written as a number; its text is compared by `ids.key`, so 1 is `1.0` too."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


FILE = "table.file"  # the column that tells of which file a row is
Cell = Annotated[str, BeforeValidator(_as_text)]
Text = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """A section; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TableFile(Part):
    """A table's file, relative to the folder of the data, and its form (`text_table.Form`).

    Attributes:
      file: one, or several with the same columns, whose rows follow one another; which file a row
        is from stands in the column `FILE`.
      lists: columns whose cells are lists, as long as one another in a row: such a row stands for
        as many rows as its lists have entries.
    """

    file: Text | Annotated[list[Text], Field(min_length=1)]
    lists: list[Text] = Field(default_factory=list)
    separator: str = Field(default="", max_length=1)
    encoding: str = ""
    sheet: str = ""

    @property
    def files(self) -> list[str]:
        """All its files."""
        return [self.file] if isinstance(self.file, str) else self.file

    @property
    def form(self) -> Form:
        """What the file does not tell of itself."""
        return Form(self.separator, self.encoding, self.sheet)


class Join(TableFile):
    """Another table whose columns are put beside the rows.

    Attributes:
      key: a column of both; or of what is there already, if `their_key` names another table's.
      their_key: the other table's column, if it has another name there.
    """

    key: Text
    their_key: str = ""


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class Identifier(Part):
    """A column of identifiers; with `pattern`, its first group (or all of it) is the identifier."""

    column: Text
    pattern: Pattern = ""


class Image(Identifier):
    """The image of a row.

    Attributes:
      column, pattern: name the image; each once.
      several_rows: an image may stand in several rows, one for each box or reader; all that is not
        a label is then the same in them, and a label is positive if it is in any.
      path: where it lies below a folder, with headings in braces; the image's name if empty.
      folders: below the folder of the data, in which images lie; `*` stands for any name.
      suffixes: which the path may be without.
    """

    several_rows: bool = False
    path: str = ""
    folders: list[Text] = Field(default=["."], min_length=1)
    suffixes: list[str] = Field(default=[""], min_length=1)


class Coded(Part):
    """A column of codes; `values` puts a word that is known for one that is not."""

    column: Text
    values: dict[str, Cell] = {}


class View(Part):
    """The views: either a column and its words for frontal and other views, or one for all.

    Attributes:
      assumed: words that do not tell the view, as a blank, of images that are taken for frontal
        all the same; the funnel counts them.
    """

    column: str = ""
    frontal: list[Cell] = Field(default_factory=list)
    other: list[Cell] = Field(default_factory=list)
    assumed: list[Cell] = Field(default_factory=list)
    values: dict[str, Cell] = {}
    all: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> View:
        if bool(self.column) == (self.all is not None):
            raise ValueError('give a column with its words in frontal and other, or all = "PA"')
        if self.column and not (self.frontal or self.assumed):
            raise ValueError("frontal names no word; nothing would be left")
        if any(ids.word(word) in ids.MISSING for word in self.frontal):
            raise ValueError(
                "frontal: a blank does not tell the view; put it in assumed if these images are "
                "taken for frontal all the same, or in other"
            )
        refuse_twice(self.frontal, self.other, self.assumed)
        return self


class Exclude(Part):
    """Rows that are left out: those whose cell is one of `cells`.

    With `kept`, a cell that is in neither list is refused; without it, it stays.
    """

    reason: Text
    column: Text
    cells: list[Cell] = Field(min_length=1)
    kept: list[Cell] = Field(default_factory=list)

    @model_validator(mode="after")
    def _apart(self) -> Exclude:
        refuse_twice(self.cells, self.kept)
        return self


def refuse_twice(*lists: list[str]) -> None:
    """Stop at a word that stands twice, in whatever spelling."""
    seen: set[str] = set()
    for word in (word for words in lists for word in words):
        if ids.key(word) in seen:
            raise ValueError(f"{word!r} stands there twice (in one spelling or two)")
        seen.add(ids.key(word))
