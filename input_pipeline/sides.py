"""Labels of one side of the body: a flipped image changes them, so no side may go unnoticed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from input_pipeline import ids

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
