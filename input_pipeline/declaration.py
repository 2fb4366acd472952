"""The declaration of a table: which columns are what, and what their cells mean.

One TOML file beside the data, `table.toml`; docs/own_data.md says how to write one. Everything that
could be read in two ways has to be said in it, and a word that it does not name is refused.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from input_pipeline.label_sections import ColumnLabel, LabelName, TermColumn
from input_pipeline.labels import declare
from input_pipeline.table_sections import (
    Coded,
    Exclude,
    Identifier,
    Image,
    Join,
    Part,
    TableFile,
    Text,
    View,
    refuse_twice,
)
from jaxcxr.errors import InputError

DECLARATION = "table.toml"


class Declaration(Part):
    """All of `table.toml`."""

    confirmed: Literal[True]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    table: TableFile
    join: list[Join] = Field(default_factory=list)
    image: Image
    patient: Identifier | Literal[False]
    study: Identifier | None = None
    view: View
    age: Coded | None = None
    sex: Coded | None = None
    split: Coded | None = None
    exclude: list[Exclude] = Field(default_factory=list)
    label: list[ColumnLabel] = Field(default_factory=list)
    terms: list[TermColumn] = Field(default_factory=list)

    @model_validator(mode="after")
    def _labels_once(self) -> Declaration:
        names = [label.label for label in self.labels]
        if not names:
            raise ValueError("no label is declared; add [[label]] or [[terms]]")
        refuse_twice([], names)
        return self

    @property
    def labels(self) -> list[LabelName]:
        """Every label, in the order of the declaration: columns, then terms."""
        return [*self.label, *(label for column in self.terms for label in column.label)]


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
