"""What a reader of one dataset hands on: its rows, their findings, and who stays in the cohort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from input_pipeline.tables.joins import Joined

ROW_COLUMNS = (
    "image_id",
    "image_path",
    "patient_id",
    "study_id",
    "view",
    "age",
    "sex",
    "official_split",
)


@dataclass(frozen=True)
class Release:
    """One publisher's label table, read.

    Attributes:
        rows: one row an image, columns `ROW_COLUMNS`; paths are relative to the raw folder, and
            `patient_id` is blank throughout where the publisher names no patients.
        findings: one int8 column a finding id (1, 0, -1 unknown), on the index of `rows`.
        steps: in order, what is kept (with the reason) and a boolean over `rows`.
        sources: every file that was read; their hashes go into the cohort's provenance.
        lists: where the publisher says who is in which split; empty where it does not.
        held_out: of `official_split`, what is never trained on, whatever split is asked for.
        joins: how the tables' identifiers matched.
        notes: what was taken for unknown, in sentences.
        evidence: for a finding, the publisher's words or marks that its label rests on, one text
            a row; empty where there is none.
    """

    rows: pd.DataFrame
    findings: pd.DataFrame
    steps: list[tuple[str, pd.Series]]
    evidence: Callable[[str], pd.Series]
    sources: tuple[Path, ...]
    lists: str = ""
    held_out: tuple[str, ...] = ()
    joins: tuple[Joined, ...] = ()
    notes: tuple[str, ...] = ()

    def kept(self) -> pd.Series:
        """True for the rows that pass every step."""
        kept = pd.Series(True, index=self.rows.index)
        for _, passes in self.steps:
            kept &= passes
        return kept
