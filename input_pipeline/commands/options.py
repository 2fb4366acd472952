"""The options by which every command describes a cohort."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from input_pipeline.label_rule import RULES, UNCERTAIN
from input_pipeline.labels import DATASETS


def add_cohort_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the dataset, its folder, and everything that decides labels and splits."""
    parser.add_argument(
        "dataset",
        choices=(*DATASETS, "table"),
        metavar="DATASET",
        help=f"{', '.join(DATASETS)}; or table: any table with a declaration, see describe",
    )
    parser.add_argument("--raw-dir", type=Path, required=True, help="the release, as published")
    parser.add_argument(
        "--declaration", type=Path, help="of a table (default: table.toml in --raw-dir)"
    )
    parser.add_argument(
        "--label-rules",
        choices=RULES,
        default="paper",
        help="the study's own labels, or the curated ones (default: %(default)s)",
    )
    parser.add_argument(
        "--uncertain",
        choices=UNCERTAIN,
        default="ignore",
        help="what an uncertain label becomes under curated (default: %(default)s, masked)",
    )
    parser.add_argument(
        "--label-set",
        default="paper",
        help="paper (Table 3), mimic_transfer (Table 5), merged_sides (right and left as "
        "one), or a dataset to share findings with",
    )
    parser.add_argument(
        "--split",
        choices=("official", "patient"),
        help="the publisher's lists, or 80/20 by patient (default: what the study did)",
    )
    parser.add_argument(
        "--split-list", type=Path, help="a CSV of image_id,split that decides instead of --split"
    )
    parser.add_argument(
        "--test-share", type=float, default=0.2, help="of the patients, with --split patient"
    )
    parser.add_argument(
        "--validation-share",
        type=float,
        default=0.1,
        help="of the training patients (default: %(default)s)",
    )
    parser.add_argument("--split-seed", type=int, default=0, help="of the split by patient")


def cohort_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of `load_cohort`, beside dataset and folder."""
    return {
        "label_rules": parsed.label_rules,
        "split": parsed.split,
        "uncertain": parsed.uncertain,
        "findings": parsed.label_set,
        "test_share": parsed.test_share,
        "validation_share": parsed.validation_share,
        "seed": parsed.split_seed,
        "split_list": parsed.split_list,
        "declaration": parsed.declaration,
    }
