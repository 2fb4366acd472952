"""The study's outcome in a few lines for the terminal: average AUCs, as its tables have them."""

from __future__ import annotations

import csv
from pathlib import Path

_TABLES = {"table4": "", "table5": " on the labels shared with MIMIC-CXR"}


def average_aucs(report: Path) -> list[str]:
    """Give a line for each dataset of each table: `PadChest: mean AUC 83.1 % (DINOv2), ...`.

    Args:
      report: directory of the tables; those not there are passed over.
    """
    lines: dict[str, list[str]] = {}
    for table, of_labels in _TABLES.items():
        path = report / f"{table}.csv"
        if not path.is_file():
            continue
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if (row["label"], row["metric"]) == ("Average", "auc") and row["value"]:
                    said = f"{float(row['value']):.1f} % ({row['initialization']})"
                    lines.setdefault(f"{row['dataset']}{of_labels}", []).append(said)
    return [f"{what}: mean AUC {', '.join(said)}" for what, said in lines.items()]
