"""How a publisher's labels become training labels: the study's way, or the right way."""

from __future__ import annotations

from dataclasses import dataclass

from jaxcxr.errors import InputError

RULES = ("paper", "curated")
UNCERTAIN = ("ignore", "zeros", "ones", "drop")
UNKNOWN = -1  # the label value that losses and metrics leave out


@dataclass(frozen=True)
class LabelRule:
    """How a publisher's labels become 1, 0 or -1 (unknown).

    `paper` is exactly what the study did. `curated` is what the publisher's labels mean;
    `uncertain` says there what an uncertain label becomes: unknown (`ignore`), 0, 1, or a reason
    to drop the image.
    """

    name: str = "paper"
    uncertain: str = "ignore"

    def __post_init__(self) -> None:
        if self.name not in RULES:
            raise InputError(f"unknown label rule {self.name!r}; use {' or '.join(RULES)}")
        if self.uncertain not in UNCERTAIN:
            raise InputError(
                f"unknown policy {self.uncertain!r} for uncertain labels; "
                f"use {', '.join(UNCERTAIN)}"
            )
