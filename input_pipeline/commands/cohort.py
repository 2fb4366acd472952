"""`cohort`: who is in, with which labels, in which split. Reads label files only."""

from __future__ import annotations

import argparse
from pathlib import Path

from input_pipeline.commands.options import add_cohort_arguments, cohort_options
from jaxcxr.files import atomic_path, write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_cohort_arguments(parser)
    parser.add_argument("--out", type=Path, help="write cohort.json here")
    parser.add_argument("--splits", type=Path, help="write the split of every image here (CSV)")


def run(parsed: argparse.Namespace) -> None:
    """Print the cohort and write what was asked for."""
    from rich.console import Console

    from input_pipeline.cohort import cohort_json, load_cohort

    cohort = load_cohort(parsed.dataset, parsed.raw_dir, **cohort_options(parsed))
    summary = cohort_json(cohort)
    Console().print(summary)
    if parsed.out:
        write_json(parsed.out, summary)
    if parsed.splits:
        with atomic_path(parsed.splits) as temporary:
            columns = ["image_id", "patient_id", "split"]
            cohort.records[columns].to_csv(temporary, index=False)
