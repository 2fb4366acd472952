"""`cohort`: who is in, with which labels, in which split. Reads label files only."""

from __future__ import annotations

import argparse
from pathlib import Path

from input_pipeline.commands.options import add_cohort_arguments, cohort_options
from jaxcxr.files import atomic_path, check_writable, write_json
from jaxcxr.terminal import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_cohort_arguments(parser)
    parser.add_argument("--out", type=Path, help="write cohort.json here")
    parser.add_argument("--splits", type=Path, help="write the split of every image here (CSV)")
    parser.add_argument(
        "--tables", type=Path, help="write table1.csv, table2.csv and table3.csv into this folder"
    )


def run(parsed: argparse.Namespace) -> None:
    """Print the cohort and write what was asked for."""
    from input_pipeline import against_paper
    from input_pipeline.cohort import cohort_json, load_cohort
    from input_pipeline.commands.report import show

    for option, path in (("--out", parsed.out), ("--splits", parsed.splits)):
        if path:
            check_writable(path, option, reads=[parsed.raw_dir])
    if parsed.tables:
        check_writable(parsed.tables, "--tables", folder=True, reads=[parsed.raw_dir])
    cohort = load_cohort(parsed.dataset, parsed.raw_dir, **cohort_options(parsed))
    written = []
    if parsed.out:
        write_json(parsed.out, cohort_json(cohort))
        written.append(parsed.out)
    files = {}
    if parsed.splits:
        files[parsed.splits] = cohort.records[["image_id", "patient_id", "split"]]
    if parsed.tables:
        files[parsed.tables / "table1.csv"] = against_paper.table1(cohort)
        files[parsed.tables / "table2.csv"] = against_paper.table2(cohort)
        files[parsed.tables / "table3.csv"] = against_paper.table3(cohort)
    for path, rows in files.items():
        with atomic_path(path) as temporary:
            rows.to_csv(temporary, index=False)
        written.append(path)
    shown = console()
    show(shown, cohort)
    if written:
        shown.print(f"written: {', '.join(map(str, written))}", soft_wrap=True)
