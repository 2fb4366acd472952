"""`phantom`: a synthetic release in a publisher's own layout, for trying everything anywhere."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from input_pipeline.labels import DATASETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dataset", choices=DATASETS, metavar="DATASET", help=", ".join(DATASETS))
    parser.add_argument("--out-dir", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--images", type=int, required=True, help="how many, laterals included")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another release")
    parser.add_argument("--size", type=int, default=512, help="about how many pixels a side")
    parser.add_argument("--workers", type=int, default=0, help="processes (default: one a core)")


def run(parsed: argparse.Namespace) -> None:
    """Write the release and say what is in it."""
    from input_pipeline.phantom.release import write_release

    start = time.perf_counter()
    plan = write_release(
        parsed.dataset,
        parsed.out_dir,
        images=parsed.images,
        seed=parsed.seed,
        size=parsed.size,
        workers=parsed.workers,
    )
    seconds = time.perf_counter() - start
    print(
        f"{len(plan.radiographs)} phantom radiographs of {parsed.dataset} and "
        f"{', '.join(plan.tables)} in {parsed.out_dir} ({seconds:.1f} s)"
    )
