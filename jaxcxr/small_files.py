"""Read the small files that come from outside: JSON of a shape that is told beforehand.

A shape is a `TypedDict` beside the code that owns the format; it names the fields that are used,
and pydantic checks them. What is returned is the plain value as it stood in the file: fields of
other versions are kept. Whatever does not fit ends in one sentence that names file and field.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from jaxcxr.errors import InputError, first_line, reading

MOST_BYTES = 1 << 26  # of one file; the largest, which lists all images of a dataset, take 40 MB

LARGEST = 1e30  # of any score or statistic, by far; the square of it is still a number

# Types for shapes.
Count = Annotated[int, Field(ge=0, lt=2**53)]
Finite = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]


def read_json(
    path: str | os.PathLike[str], shape: Any, what: str, remedy: str, *, finite: bool = True
) -> Any:
    """Read a JSON file whose content has a shape.

    Args:
      path: the file.
      shape: a type that pydantic checks, such as a `TypedDict`.
      what: what the file should be, such as `a cohort`.
      remedy: what to do when it is not, such as `prepare it again`.
      finite: refuse NaN and Infinity, which JSON does not have.

    Returns:
      The value in the file, unchanged.

    Raises:
      InputError: there is no such file, or it is not what it should be.
    """
    with reading(path, what, remedy):
        size = Path(path).stat().st_size
        if size > MOST_BYTES:
            raise InputError(f"{path}: {size:,} bytes, too large for {what}; {remedy}")
        text = Path(path).read_bytes()
    return parse_json(text, shape, str(path), remedy, finite=finite)


def parse_json(
    text: bytes | str, shape: Any, where: str, remedy: str, *, finite: bool = True
) -> Any:
    """Read JSON that stands inside another file, as `read_json` does; `where` names the place."""
    try:
        value = from_json(text, allow_inf_nan=not finite)
    except (ValueError, MemoryError) as error:
        raise InputError(f"{where}: damaged ({first_line(error)}); {remedy}") from None
    return checked(value, shape, where, remedy)


def checked(value: Any, shape: Any, where: str, remedy: str) -> Any:
    """Return a plain value as it is if it has a shape.

    Raises:
      InputError: it has not; one sentence names the field.
    """
    if wrong := misfit(value, shape):
        raise InputError(f"{where}: damaged ({wrong}); {remedy}")
    return value


def misfit(value: Any, shape: Any) -> str:
    """Say which field of a plain value is not of a shape, and why; empty if all are."""
    try:
        _adapter(shape).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(_short, first["loc"])) or "the whole"
        if first["type"] == "missing":
            return f"{place} is missing"
        return f"{place} is {_short(first['input'])}, which {first['msg'].removeprefix('Input ')}"
    return ""


@lru_cache(maxsize=64)
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _short(value: Any) -> str:
    """Show a value or a key from a file in one short line, whatever stands in it."""
    if isinstance(value, dict | list | tuple):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str) and value.replace(" ", "_").isidentifier() and value.isascii():
        return value[:40]
    if value is None:
        return "null"
    return ascii(value)[:40] if isinstance(value, str) else str(value).lower()[:40]
