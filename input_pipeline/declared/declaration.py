"""The declaration of a table: which columns are what, and what their cells mean.

One TOML file beside the data, `table.toml`; docs/own_data.md says how to write one. Everything that
could be read in two ways has to be said in it, and a word that it does not name is refused.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from input_pipeline.declared.label_sections import ColumnLabel, LabelName, TermColumn
from input_pipeline.declared.table_sections import (
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
from input_pipeline.labels import declare
from jaxcxr.errors import InputError

DECLARATION = "table.toml"
_BRANCH = re.compile(r"Identifier|literal\[False\]|constrained-str|list\[.*\]")
Kind = TypeVar("Kind", bound="LabelTable")


class LabelTable(Part):
    """A table of labels alone, of images or of studies: what other labels of a run need."""

    confirmed: Literal[True]
    name: str = Field(default="labels", pattern=r"^[a-z][a-z0-9_]*$")
    title: Text = "Labels"
    table: TableFile
    join: list[Join] = Field(default_factory=list)
    image: Image | None = None
    patient: Identifier | Literal[False] = False
    study: Identifier | None = None
    label: list[ColumnLabel] = Field(default_factory=list)
    terms: list[TermColumn] = Field(default_factory=list)

    @model_validator(mode="after")
    def _labels_once(self) -> LabelTable:
        names = [label.label for label in self.labels]
        if not names:
            raise ValueError("no label is declared; add [[label]] or [[terms]]")
        refuse_twice([], names)
        if self.image is None and self.study is None:
            raise ValueError("neither [image] nor [study] says whose the labels are")
        return self

    @property
    def labels(self) -> list[LabelName]:
        """Every label, in the order of the declaration: columns, then terms."""
        return [*self.label, *(label for column in self.terms for label in column.label)]


class Declaration(LabelTable):
    """All of `table.toml`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: Text
    image: Image
    patient: Identifier | Literal[False]
    view: View
    age: Coded | None = None
    sex: Coded | None = None
    split: Coded | None = None
    exclude: list[Exclude] = Field(default_factory=list)


def read_declaration(path: Path) -> Declaration:
    """Read and check a declaration, and make its dataset and labels known to `labels`.

    Raises:
      InputError: it cannot be read, is not confirmed, or says something that cannot be.
    """
    declared = _checked(Declaration, path, _content(path))
    declare(declared.name, declared.title, {label.id: label.label for label in declared.labels})
    return declared


def read_label_table(path: Path) -> LabelTable:
    """Read a declaration of which nothing but the labels is wanted; errors as `read_declaration`.

    One without `[view]` is of labels alone, and need not name images.
    """
    content = _content(path)
    return read_declaration(path) if "view" in content else _checked(LabelTable, path, content)


def _content(path: Path) -> dict[str, Any]:
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
    return content


def _checked(kind: type[Kind], path: Path, content: dict[str, Any]) -> Kind:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}") from None


def _sentence(error: ValidationError) -> str:
    """The first of what is wrong: where, and what."""
    first = error.errors()[0]
    # A union's branch is no key that anyone wrote.
    keys = [str(key) for key in first["loc"] if not _BRANCH.fullmatch(str(key))]
    where = ".".join(str(int(key) + 1) if key.isdigit() else key for key in keys)
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        said = "no such key is known here"
    more = error.error_count() - 1
    return (f"{where}: " if where else "") + said + (f" (and {more} more)" if more else "")
