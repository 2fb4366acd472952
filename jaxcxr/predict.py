"""Predictions of a run: of a split of its dataset or of others, or of images in any folder.

    python -m jaxcxr.predict --run DIR --out FILE [--split test] [--data PREPARED]
    python -m jaxcxr.predict --run DIR [DIR ...] --images FILES --out FILE [--neighbours K]

FILES are files, folders, patterns in quotes, and lists: text files of one path a line. Of several
runs, which make an ensemble, the logit is the mean.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import check_writable
from jaxcxr.terminal import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.predict",
        description="Predictions of a run: of a split of its dataset or of others, or of images.",
    )
    parser.add_argument(
        "--run", type=Path, nargs="+", required=True, help="directory of a run; several: ensemble"
    )
    parser.add_argument(
        "--out",
        type=Path,
        nargs="+",
        required=True,
        help="parquet file to write; one for each --data; of --images also .csv or .json",
    )
    parser.add_argument("--split", help="split of the dataset (test)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="PREPARED",
        help="other prepared datasets, on the labels shared with the run (the run's own)",
    )
    what.add_argument(
        "--images",
        type=Path,
        nargs="+",
        help="PNG, JPEG and DICOM files, folders of them, patterns, or lists (.txt)",
    )
    parser.add_argument(
        "--workers", type=int, help="processes that open --images (default: all cores)"
    )
    parser.add_argument(
        "--neighbours",
        type=int,
        metavar="K",
        help="name the K training images that are most like each of --images, with their labels",
    )
    options = parser.parse_args(arguments)
    with report_input_errors():
        if options.images and options.split:
            raise InputError("--split is of a prepared dataset, and --images of none; give one")
        if options.workers is not None and not options.images:
            raise InputError("--workers is of --images; leave it out")
        if options.neighbours is not None:
            if not options.images:
                raise InputError("--neighbours is of --images; leave it out")
            if options.neighbours < 1:
                raise InputError(f"--neighbours {options.neighbours}: give at least 1")
        if len(options.run) > 1 and not options.images:
            raise InputError(f"--run names {len(options.run)} runs; several predict --images alone")
        if not options.data and len(options.out) > 1:
            raise InputError(f"--out names {len(options.out)} files; give one")
        from jaxcxr.run.directory import own_files

        if not options.images and any(out.suffix != ".parquet" for out in options.out):
            raise InputError("--out: predictions of a prepared dataset are named NAME.parquet")
        for out in options.out:
            check_writable(
                out, "--out", reads=[one for run in options.run for one in own_files(run)]
            )
        run, out = options.run[0], options.out[0]
        if options.images:
            from jaxcxr.use.predicting import predict_files

            workers = os.cpu_count() or 1 if options.workers is None else options.workers
            predict_files(options.run, out, options.images, workers, options.neighbours or 0)
        else:
            from jaxcxr.inference.splits import predict_elsewhere, predict_run

            if options.data:
                predict_elsewhere(run, options.data, options.out, options.split or "test")
            else:
                predict_run(run, out, [options.split or "test"])
    say(f"predictions in {', '.join(map(str, options.out))}")


if __name__ == "__main__":
    main()
