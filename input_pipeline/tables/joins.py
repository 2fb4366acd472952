"""Joins of two tables on identifiers, counted on both sides.

A join whose keys are spelled in two ways matches nothing, and what is not matched becomes a
negative label or a lost split. So every join says how much of either side found a partner.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from input_pipeline.tables import ids
from jaxcxr.errors import InputError

SHARE = 0.05  # of the rows that ask, at most, may find no partner
FEW = 2  # rows, in tables too small for a share


@dataclass(frozen=True)
class Side:
    """One side of a join.

    Attributes:
      cells: identifiers, one a row.
      where: file and column, for messages.
      row: number of the first row in the file.
    """

    cells: pd.Series
    where: str
    row: int = 2


@dataclass(frozen=True)
class Joined:
    """Which row of the right side belongs to each of the left, and how many found none.

    Attributes:
      name: of the join.
      place: `[left]` position in the right side, -1 where there is none.
      left, right: distinct identifiers of the sides.
      left_alone, right_alone: how many of them have no partner.
    """

    name: str
    place: np.ndarray
    left: int
    right: int
    left_alone: int
    right_alone: int

    @property
    def matched(self) -> np.ndarray:
        """`[left]` bool."""
        return self.place >= 0

    def take(self, cells: pd.Series, default: Any, index: pd.Index) -> pd.Series:
        """The right side's cells in the order of the left, `default` where there is none."""
        values = cells.iloc[np.where(self.matched, self.place, 0)].set_axis(index)
        return values.where(self.matched, default)

    def counts(self) -> dict[str, Any]:
        """The join as plain data, for `cohort.json`."""
        return {name: value for name, value in asdict(self).items() if name != "place"}


def join(left: Side, right: Side, name: str, *, share: float | None = SHARE) -> Joined:
    """Find the right side's row of each row of the left.

    Args:
      left: asks; an identifier may stand in several rows.
      right: answers; each identifier once.
      name: of the join, for messages and for `cohort.json`.
      share: of the left's identifiers that may find no partner; where the right's all do, `FEW`
        may anyway. None for all of them.

    Raises:
      InputError: an identifier stands twice in the right side, or too many find no partner.
    """
    asked, answers = ids.keys(left.cells), ids.keys(right.cells)
    if (twice := answers.duplicated()).any():
        at = int(np.flatnonzero(twice.to_numpy())[0])
        raise InputError(
            f"{right.where} row {at + right.row}: {str(right.cells.iloc[at])[:80]!r} stands there "
            "twice, and each is expected once"
        )
    place = pd.Index(answers).get_indexer(pd.Index(asked))
    known, alone = asked.nunique(), asked[place < 0].nunique()
    right_alone = int((~answers.isin(set(asked))).sum())
    if share is not None:
        allowed = max(share * known, 0 if right_alone else FEW)
        if alone > allowed or alone == known:
            at = int(np.flatnonzero(place < 0)[0])
            raise InputError(
                f"{name}: {alone:,} of {known:,} in {left.where} are not in {right.where}, the "
                f"first in row {at + left.row}, and {right_alone:,} of {len(answers):,} there are "
                "not here; are the two of one release, and their identifiers whole?"
            )
    return Joined(name, place, known, len(answers), alone, right_alone)


def refuse_others(
    joined: Joined, left: pd.Series, right: pd.Series, images: pd.Series, what: str
) -> None:
    """Stop where both sides of a join name a patient (or study) and not the same.

    Args:
      joined: of `join`.
      left: what the left's rows name, `[left]`.
      right: what the right's rows name, `[right]`; an empty cell names nothing.
      images: which messages name, `[left]`.
      what: the sides name, for the message: no value of theirs is in it.
    """
    theirs = ids.keys(joined.take(right, "", left.index))
    other = theirs.ne("") & ids.keys(left).ne(theirs) & joined.matched
    if other.any():
        raise InputError(
            f"{joined.name}: another {what} there than here for image "
            f"{images[other].iloc[0]!r} ({int(other.sum()):,} such rows); the tables are not of "
            "one release"
        )
