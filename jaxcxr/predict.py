"""Predictions of a run: of a split of its dataset or of others, or of images in any folder.

python -m jaxcxr.predict --run DIR --out FILE [--split test] [--data PREPARED | --images FILES]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import check_writable
from jaxcxr.terminal import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m jaxcxr.predict", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="directory of a run")
    parser.add_argument(
        "--out",
        type=Path,
        nargs="+",
        required=True,
        help="parquet file to write; one for each --data",
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
    what.add_argument("--images", type=Path, nargs="+", help="image files, or folders of them")
    options = parser.parse_args(arguments)
    with report_input_errors():
        if options.images and options.split:
            raise InputError("--split is of a prepared dataset, and --images of none; give one")
        for out in options.out:
            check_writable(out, "--out")
        from jaxcxr.inference.splits import predict_elsewhere, predict_run

        if options.data:
            predict_elsewhere(options.run, options.data, options.out, options.split or "test")
        elif len(options.out) > 1:
            raise InputError(f"--out names {len(options.out)} files; give one")
        elif options.images:
            from jaxcxr.inference.image_files import predict_images

            predict_images(options.run, options.out[0], options.images)
        else:
            predict_run(options.run, options.out[0], [options.split or "test"])
    say(f"predictions in {', '.join(map(str, options.out))}")


if __name__ == "__main__":
    main()
