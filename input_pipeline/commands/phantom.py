"""`phantom`: a synthetic release in a publisher's own layout, for trying everything anywhere.

`phantom natural` draws natural-like pictures to pre-train on, as a prepared dataset.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from input_pipeline.labels import DATASETS
from input_pipeline.phantom.natural import LABELS, NATURAL
from jaxcxr.files import check_writable
from jaxcxr.terminal import say

RELEASE_SIZE, NATURAL_SIZE = 512, 224


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    known = (*DATASETS, NATURAL)
    parser.add_argument(
        "dataset",
        choices=known,
        metavar="DATASET",
        help=f"{', '.join(DATASETS)}; or {NATURAL}: natural-like pictures to pre-train on, which "
        "become a prepared dataset",
    )
    parser.add_argument("--out-dir", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--images", type=int, required=True, help="how many, laterals included")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another release")
    parser.add_argument(
        "--size",
        type=int,
        help=f"about how many pixels a side (default: {RELEASE_SIZE}); of {NATURAL} exactly "
        f"(default: {NATURAL_SIZE})",
    )
    parser.add_argument("--workers", type=int, default=0, help="processes (default: one a core)")


def run(parsed: argparse.Namespace) -> None:
    """Write the release, or the prepared dataset, and say what is in it."""
    check_writable(parsed.out_dir.parent, "--out-dir", folder=True)
    start = time.perf_counter()
    said = (_natural if parsed.dataset == NATURAL else _release)(parsed)
    say(f"{said} in {parsed.out_dir} ({time.perf_counter() - start:.1f} s)")


def _release(parsed: argparse.Namespace) -> str:
    from input_pipeline.phantom.release import write_release

    plan = write_release(
        parsed.dataset,
        parsed.out_dir,
        images=parsed.images,
        seed=parsed.seed,
        size=RELEASE_SIZE if parsed.size is None else parsed.size,
        workers=parsed.workers,
    )
    count, tables = len(plan.radiographs), ", ".join(plan.tables)
    return f"{count} phantom radiographs of {parsed.dataset} and {tables}"


def _natural(parsed: argparse.Namespace) -> str:
    from input_pipeline.phantom.natural import write_natural

    write_natural(
        parsed.out_dir,
        images=parsed.images,
        seed=parsed.seed,
        size=NATURAL_SIZE if parsed.size is None else parsed.size,
        workers=parsed.workers,
    )
    return f"{parsed.images} natural-like pictures with {len(LABELS)} labels, prepared"
