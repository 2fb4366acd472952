"""Labels of one side of the body: a flipped image changes them, so no side may go unnoticed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from input_pipeline.label_rule import UNKNOWN
from input_pipeline.labels import NAMES, SIDES
from input_pipeline.tables import ids
from jaxcxr.errors import InputError

_WORDS = {
    "right": "right rt r rechts rechte rechter droit droite derecha derecho direita direito destra "
    "destro dextra dexter dextro dextrocardia",
    "left": "left lt l links linke linker gauche izquierda izquierdo esquerda esquerdo sinistra "
    "sinistro sinister levo",
}
_SIDE_OF = {word: side for side, words in _WORDS.items() for word in words.split()}
_BREAKS = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z]+")


def sides_named(text: str) -> set[str]:
    """The sides that a text names, in several languages: `LeftEffusion`, `effusion_l`."""
    words = (ids.word(word) for word in _BREAKS.split(text))
    return {_SIDE_OF[word] for word in words if word in _SIDE_OF}


def merge_sides(labelled: pd.DataFrame, finding: str) -> pd.Series:
    """A finding wherever it is, from its labels of the right and the left.

    Positive where one of them is; unknown where neither is and one is unknown; else negative.

    Args:
        labelled: one row an image, a column a finding id: 1, 0, or -1 for unknown.
        finding: id without a side.

    Raises:
        InputError: the labels do not tell it of both sides.
    """
    ids_of = [(f"{finding}_{side}", f"{finding} {side}") for side in SIDES]
    found = [name for names in ids_of for name in names if name in labelled]
    if len(found) != len(SIDES):
        raise InputError(
            f"the label set has {NAMES.get(finding, finding)!r}, which the labels of this release "
            "do not tell of right and left; choose another --label-set"
        )
    right, left = (labelled[name] for name in found)
    unknown = right.eq(UNKNOWN) | left.eq(UNKNOWN)
    either = right.eq(1) | left.eq(1)
    return either.astype(np.int8).mask(unknown & ~either, UNKNOWN)


def check_side(name: str, side: str, words: Sequence[str]) -> None:
    """Stop unless a label whose words name just one side says what it is.

    Args:
      name: of a label of one's own; empty for a finding of the vocabulary.
      side: `right`, `left`, `none` or empty, as declared.
      words: column or terms.

    Raises:
      ValueError: a side is named and none declared, or another.
    """
    if not name:
        return
    named = sides_named(name) or set().union(*map(sides_named, words))
    if side in ("right", "left"):
        if sides_named(name):
            raise ValueError(f"{name!r} names a side: leave it out of the name, side adds it")
        return
    if (last := name.split()[-1]) in ("right", "left"):
        raise ValueError(f'{name!r}: leave the side out of the name, and add side = "{last}"')
    if len(named) == 1 and side != "none":
        found = named.pop()
        raise ValueError(
            f'{name!r} is of the {found} side by its words: add side = "{found}" so that a flipped '
            'image changes it, or side = "none" if a mirror does not'
        )
