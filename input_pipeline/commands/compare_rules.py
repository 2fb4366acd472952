"""`compare-rules`: per label, how many images the two label rules disagree on, and over what."""

from __future__ import annotations

import argparse
from pathlib import Path

from input_pipeline.label_rule import UNCERTAIN
from input_pipeline.labels import DATASETS
from jaxcxr.files import atomic_path, check_writable
from jaxcxr.terminal import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dataset", choices=DATASETS, metavar="DATASET", help=", ".join(DATASETS))
    parser.add_argument("--raw-dir", type=Path, required=True, help="the release, as published")
    parser.add_argument(
        "--uncertain",
        choices=UNCERTAIN,
        default="ignore",
        help="what an uncertain label becomes under curated (default: %(default)s, masked)",
    )
    parser.add_argument("--examples", type=int, default=4, help="how many words or marks to show")
    parser.add_argument("--out", type=Path, help="write the table here (CSV)")


def run(parsed: argparse.Namespace) -> None:
    """Print the comparison and write it if asked."""
    from input_pipeline.commands.report import table
    from input_pipeline.rule_comparison import compare_rules

    if parsed.out:
        check_writable(parsed.out, "--out", reads=[parsed.raw_dir])
    comparison = compare_rules(
        parsed.dataset, parsed.raw_dir, uncertain=parsed.uncertain, examples=parsed.examples
    )
    if parsed.out:
        with atomic_path(parsed.out) as temporary:
            comparison.labels.to_csv(temporary, index=False)
    shown = console()
    kept = ", ".join(f"{name} {count:,}" for name, count in comparison.images.items())
    shown.print(f"{parsed.dataset}: images kept by {kept}")
    for rule, step, count in comparison.dropped:
        shown.print(f"  the {rule} rule drops {count:,} that the other keeps, asking for: {step}")
    rows = comparison.labels
    differ = rows["only_paper"].add(rows["only_curated"]).add(rows["unknown"]).gt(0)
    if differ.any():
        odd = rows[differ].drop(columns=["finding", "evidence"])
        shown.print(table("Positives of the labels on which the rules disagree", odd))
        shown.print("The publisher's words or marks in those images, commonest first:")
        for label, words in zip(rows["label"][differ], rows["evidence"][differ], strict=True):
            shown.print(f"  {label}: {words}", highlight=False)
    agreed = ", ".join(rows.loc[~differ, "label"])
    shown.print(f"On images that both keep, they agree about: {agreed or 'nothing'}")
    if parsed.out:
        shown.print(f"written: {parsed.out}", soft_wrap=True)
