"""What may have been meant by a name that a config does not have."""

from __future__ import annotations

import difflib
from typing import Any

from ml_collections import ConfigDict


def unknown_field(config: ConfigDict, dotted: str) -> str:
    """Say which part of a name such as `model.weights` is no field, and what may be meant.

    Returns:
      One sentence; empty if it is a field.
    """
    inside, prefix = config, ""
    for part in dotted.split("."):
        if not isinstance(inside, ConfigDict):
            above = prefix.removesuffix(".")
            return f"config.{dotted} is not a field: config.{above} is a value and holds none"
        if part not in inside:
            said = f"config.{prefix}{part} is not a field"
            beside = difflib.get_close_matches(part, list(inside), n=1)
            elsewhere = [name for name in _names(config) if name.split(".")[-1] == part]
            meant = elsewhere or beside
            if meant:
                return f"{said}; did you mean {meant[0]}?"
            return f"{said}; the fields are {', '.join(sorted(inside)) or 'none'}"
        inside, prefix = inside[part], f"{prefix}{part}."
    return ""


def _names(config: ConfigDict, prefix: str = "") -> list[str]:
    """Dotted names of all fields that are values."""
    names = []
    for name, value in config.items():
        inner = _names(value, f"{prefix}{name}.") if isinstance(value, ConfigDict) else []
        names += inner or [prefix + name]
    return names


def suggest(word: str, candidates: Any) -> str:
    """Name the nearest of the candidates, in brackets; empty if none is near."""
    close = difflib.get_close_matches(word, candidates, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
