"""Whose terms a run's weights are under: those of the weights that it began with, or unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from jaxcxr.run.learnt import FINE_TUNED

# Names that Hugging Face knows as they stand, of those that our converters write.
_KNOWN = {"Apache-2.0": "apache-2.0", "MIT": "mit", "CC-BY-NC-4.0": "cc-by-nc-4.0"}
_NO_TERMS = ("", "not stated", "unknown")


@dataclass(frozen=True)
class Licence:
    """A licence as a model card says it.

    Attributes:
      id: as Hugging Face names it: one of its names, `other`, or `unknown`.
      name: of one that is `other`, in characters of a name; else empty.
      link: where the weights come from, if that is an address of the web; else empty.
      sentence: what is known of it.
    """

    id: str
    name: str
    link: str
    sentence: str


def start_of_weights(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return the provenance of the weights that a chain of runs began with.

    Of one that began at random there are none: that of its first run is returned.
    """
    while provenance.get("source") == FINE_TUNED and provenance.get("initialization") != "random":
        provenance = (provenance.get("initialized_from") or {}).get("provenance") or {}
    return provenance


def licence_of(provenance: dict[str, Any]) -> Licence:
    """Say under which terms a run's weights are, from where they come; never a guess.

    Args:
      provenance: of the run's weights.
    """
    start = start_of_weights(provenance)
    stated = str(start.get("licence") or "").strip()
    link = str(start.get("origin") or "")
    link = link if re.fullmatch(r"https://[\w.~/-]+", link) else ""
    if stated.lower() in _NO_TERMS:
        why = (
            "The weights began at random, so that no licence is inherited"
            if start.get("initialization") == "random"
            else "The licence of the weights that the training began with is not known"
        )
        return Licence("unknown", "", link, f"{why}; AUTHOR: which terms these weights are under.")
    sentence = f"Licence of the weights that the training began with: {stated}."
    if stated in _KNOWN:
        return Licence(_KNOWN[stated], "", link, sentence)
    name = re.sub(r"[^a-z0-9.]+", "-", stated.lower()).strip("-.")[:60] or "see-the-card"
    return Licence("other", name, link, sentence)
