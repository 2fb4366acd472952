"""Tables of dataclasses: a row each, a column each field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

import numpy as np

from jaxcxr.results.table_files import Table
from jaxcxr.stats import Interval

Ends = tuple[float | None, float | None, float | None]
Tested = tuple[float | None, float | None, float | None, float | None]
NO_ENDS: Ends = (None, None, None)
UNTESTED: Tested = (None, None, None, None)

_HEADINGS = {"paper_inside": "paper in interval", "mean": "mean of redraws", "seed_sd": "seed sd"}
_HEADINGS |= {"low_90": "90 % low", "high_90": "90 % high"}
_RATES = {"ppv": "PPV", "npv": "NPV", "lr_positive": "LR+", "lr_negative": "LR-"}
_HEADINGS |= {
    f"{field}{end}": heading + end.replace("_", " ")
    for field, heading in _RATES.items()
    for end in ("", "_low", "_high")
}


def row_table(
    name: str, title: str, kind: type, rows: Sequence[Any], notes: Sequence[str]
) -> Table:
    """Make a table of dataclasses of one kind, a column each field."""
    header = (_HEADINGS.get(field.name, field.name.replace("_", " ")) for field in fields(kind))
    return Table(name, title, tuple(header), [astuple(row) for row in rows], tuple(notes))


def percent(value: Any) -> float | None:
    """Give a share in percent; None where it is not a number."""
    return 100 * float(value) if np.isfinite(value) else None


def ends(found: Interval) -> Ends:
    """Give value, low and high of one number, in percent."""
    return percent(found.value), percent(found.low), percent(found.high)


def tested(found: Interval, p: float) -> Tested:
    """Give value, low and high of a difference, in percentage points, and its p-value."""
    return (*ends(found), p if np.isfinite(p) else None)
