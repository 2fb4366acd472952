"""Where a run's model looks, and what speaks for its labels, over images.

    python -m jaxcxr.explain --run DIR --out DIR --images FILES [--labels NAME ...]
    python -m jaxcxr.explain --run DIR --out DIR [--split test] [--ids ID ... | --labels NAME ...]
    python -m jaxcxr.explain --run DIR --out FILE.npz [--split test] [--ids ID ...]

A folder gets one folder an image, with attention rollout (Abnar and Zuidema 2020, arXiv
2005.00928), the class token's attention by head in the last block, and the integrated gradients of
each label (Sundararajan et al. 2017, arXiv 1703.01365), as arrays and as pictures over the
radiograph; and `index.json` of all. FILES are those of `jaxcxr.predict`, shown at their own size.

`FILE.npz` is attention rollout alone, of a prepared dataset: `image_id` `[images]`, `image`
`[images, size, size]` uint8 as prepared, `rollout` `[images, rows, columns]` float32, the share of
the class token that comes from each patch, and `origin`, JSON that says which weights; `--images`
names ids there, as `--ids` does. A map of attention is no explanation of a prediction.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import atomic_path, check_writable
from jaxcxr.terminal import say

METHODS = ("rollout", "heads", "gradients")
FILES = (".csv", ".jpeg", ".jpg", ".json", ".parquet", ".pdf", ".png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.explain",
        description="Attention and integrated gradients of a run's model, over images.",
    )
    parser.add_argument("--run", type=Path, required=True, help="directory of a run")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write, or .npz file of rollout alone"
    )
    parser.add_argument("--split", help="of the run's dataset (test)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--images",
        nargs="+",
        help="PNG, JPEG and DICOM files, folders of them, patterns, or lists (.txt)",
    )
    which.add_argument("--ids", nargs="+", metavar="ID", help="images of the split (all)")
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="NAME",
        help="integrated gradients of these (all); where no image is named, also the true and "
        "false positives of these with the highest scores",
    )
    parser.add_argument("--count", type=int, default=2, help="of each kind, for each label (2)")
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, help="which maps (all that the model has)"
    )
    parser.add_argument("--steps", type=int, help="most of integrated gradients, a baseline (256)")
    parser.add_argument(
        "--workers", type=int, help="processes that open --images (default: all cores)"
    )
    options = parser.parse_args(arguments)
    with report_input_errors():
        one_file = options.out.suffix == ".npz"
        _check(options, one_file)
        check_writable(options.out, "--out", folder=not one_file)
        done = _rollout_file(options) if one_file else _folder(options)
    say(f"{'attention over' if one_file else 'maps of'} {done} images in {options.out}")


def _check(options: argparse.Namespace, one_file: bool) -> None:
    """Stop where an option would be without effect, or contradicts another."""
    if not one_file and options.out.suffix.lower() in FILES:
        raise InputError(f"--out {options.out}: give a folder, or a name that ends in .npz")
    if options.count < 1:
        raise InputError(f"--count {options.count}: give at least 1")
    named = ("methods", "steps", "workers") if one_file else ()
    for name in named:
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is of an --out that is a folder; leave it out")
    if one_file and options.labels and (options.images or options.ids):
        raise InputError("--labels chooses images, and others are named; give one of the two")
    if not one_file and options.images and options.split:
        raise InputError("--split is of a prepared dataset, and --images of none; give one")
    if not one_file and options.workers is not None and not options.images:
        raise InputError("--workers is of --images; leave it out")


def _folder(options: argparse.Namespace) -> int:
    from jaxcxr.inference.gradients import STEPS
    from jaxcxr.use.explainer import load_explainer
    from jaxcxr.use.explaining import explain_files, explain_split

    out = options.out.resolve()  # `.` has no name to put others beside
    run, steps = options.run, STEPS if options.steps is None else options.steps
    explainer = load_explainer(run, options.methods, options.labels, steps)
    if options.images:
        workers = os.cpu_count() or 1 if options.workers is None else options.workers
        asked = [Path(one) for one in options.images]
        return explain_files(explainer, run, asked, workers, out)
    return explain_split(explainer, run, options.split or "test", _chosen(options), out)


def _rollout_file(options: argparse.Namespace) -> int:
    from jaxcxr.inference.rollout import attend

    found = attend(options.run, options.split or "test", _chosen(options))
    with atomic_path(options.out) as temporary:
        np.savez_compressed(
            temporary,
            image_id=found["image_id"],
            image=found["image"],
            rollout=found["rollout"],
            origin=found["origin"],
        )
    return len(found["image_id"])


def _chosen(options: argparse.Namespace) -> list[str] | None:
    """Return the images' ids; None is for all, and a label without an example for none."""
    if named := options.ids or options.images:
        return list(dict.fromkeys(named))
    return _examples(options) if options.labels else None


def _examples(options: argparse.Namespace) -> list[str]:
    from jaxcxr.results.examples import choose_examples
    from jaxcxr.results.predictions import read_predictions
    from jaxcxr.run.belongs import check_predictions
    from jaxcxr.run.directory import PREDICTIONS

    predictions = read_predictions(options.run / PREDICTIONS).of_split(options.split or "test")
    check_predictions(options.run, predictions.origin)
    found = choose_examples(predictions, options.labels, options.count)
    return list(dict.fromkeys(example.image_id for example in found))


if __name__ == "__main__":
    main()
