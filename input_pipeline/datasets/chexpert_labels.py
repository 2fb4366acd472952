"""The fourteen labels of the CheXpert labeler, which CheXpert and MIMIC-CXR share.

1 is positive, 0 negative, -1 uncertain, and blank not mentioned, which its authors count as
negative (stanfordmlgroup/chexpert-labeler, question 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from input_pipeline.label_rule import UNKNOWN, LabelRule
from input_pipeline.labels import TRAINED
from input_pipeline.tables import raw_tables

FINDINGS = {
    "No Finding": "no_finding",
    "Enlarged Cardiomediastinum": "enlarged_cardiomediastinum",
    "Cardiomegaly": "cardiomegaly",
    "Lung Opacity": "lung_opacity",
    "Lung Lesion": "lung_lesion",
    "Edema": "edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Pleural Effusion": "pleural_effusion",
    "Pleural Other": "pleural_other",
    "Fracture": "fracture",
    "Support Devices": "support_devices",
}
COLUMNS = tuple(FINDINGS)
# Lung Opacity has another name in CheXlocalize.
HEADINGS = tuple((name, "Airspace Opacity") if name == "Lung Opacity" else name for name in COLUMNS)
_REPLACEMENT = {"ignore": UNKNOWN, "zeros": 0, "ones": 1, "drop": UNKNOWN}


def marks(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The publisher's marks by finding id: 1, 0, -1, and NaN where blank."""
    columns = {}
    for column, finding in FINDINGS.items():
        values = raw_tables.numbers(path, column, table[column])
        raw_tables.refuse(
            path,
            column,
            table[column],
            ~(values.isin([1, 0, -1]) | values.isna()),
            "1, 0, -1 or blank",
        )
        columns[finding] = values
    return pd.DataFrame(columns, index=table.index)


def findings(values: pd.DataFrame, rule: LabelRule) -> pd.DataFrame:
    """Marks to labels: the study takes 1 as positive and all else as negative."""
    uncertain = 0 if rule.name == "paper" else _REPLACEMENT[rule.uncertain]
    return values.fillna(0).replace(-1, uncertain).astype(np.int8)


def certain(
    values: pd.DataFrame, rule: LabelRule, dropped_by_study: Sequence[str]
) -> tuple[str, pd.Series] | None:
    """The funnel's step on uncertain labels, or None where no image is dropped for them."""
    names = {finding: column for column, finding in FINDINGS.items()}
    if rule.name == "paper":
        considered = tuple(dropped_by_study)
    elif rule.uncertain == "drop":
        considered = TRAINED["chexpert"]
    else:
        return None
    listed = ", ".join(names[finding] for finding in considered)
    return f"no uncertain label in {listed}", ~values[list(considered)].eq(-1).any(axis=1)


def evidence(values: pd.DataFrame, finding: str) -> pd.Series:
    """The publisher's mark in words."""
    words = {1.0: "positive", 0.0: "negative", -1.0: "uncertain"}
    return values[finding].map(lambda mark: words.get(mark, "not mentioned"))
