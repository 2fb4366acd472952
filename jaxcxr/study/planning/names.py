"""Names in a study file, checked where they are given."""

from __future__ import annotations

import re
from typing import Any

from jaxcxr.errors import InputError

Overrides = tuple[tuple[str, Any], ...]  # fields of a config and their values


def unique(what: str, names: list[Any]) -> tuple[Any, ...]:
    """Return the names of a part of a study; each may stand there once."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"study: {what} name {twice[0]!r} twice; give each its own name")
    return tuple(names)


def check_name(what: str, name: str) -> None:
    """Stop where a name cannot be part of an experiment's id."""
    # Ids of experiments join names by hyphens, and are names of directories.
    if not re.fullmatch(r"[A-Za-z0-9_.]*[A-Za-z0-9_]", name):
        raise InputError(
            f"study: {what} name {name!r} cannot stand in ids of experiments; use letters, digits "
            "and _"
        )


def check_known(what: str, name: str, known: tuple[str, ...]) -> None:
    """Stop where a name is none of those that are known."""
    if name not in known:
        raise InputError(f"study: {what} is {name!r}; choose one of {', '.join(known)}")
