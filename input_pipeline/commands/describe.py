"""`describe`: look at any table and a folder of images, and draft the declaration of both."""

from __future__ import annotations

import argparse
from pathlib import Path

from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path, check_writable
from jaxcxr.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("table", type=Path, help="CSV (plain or gzipped), .xlsx or .parquet")
    parser.add_argument("--images", type=Path, required=True, help="the folder of its images")
    parser.add_argument("--sheet", default="", help="of a workbook with several")
    parser.add_argument(
        "--out", type=Path, help="write the draft here (default: print it); never over a file"
    )


def run(parsed: argparse.Namespace) -> None:
    """Print the draft, or write it and say how to go on."""
    from input_pipeline.describing.draft import describe

    if parsed.out:
        check_writable(parsed.out, "--out")
        if parsed.out.exists():
            raise InputError(
                f"--out {parsed.out}: exists, and may hold your answers; name another file"
            )
    draft, raw_dir = describe(parsed.table, parsed.images, parsed.sheet)
    if parsed.out is None:
        for line in draft.splitlines():
            say(line)
        return
    with atomic_path(parsed.out) as temporary:
        temporary.write_text(draft, encoding="utf-8")
    questions = draft.count("# QUESTION: ")
    say(
        f"written: {parsed.out}, a draft with {questions} questions; answer them, set confirmed = "
        f"true, then: python -m input_pipeline cohort table --raw-dir {raw_dir} "
        f"--declaration {parsed.out}"
    )
