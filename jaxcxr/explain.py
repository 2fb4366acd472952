"""Where the class token of a run's model looks: attention rollout over prepared images.

    python -m jaxcxr.explain --run DIR --out FILE.npz [--images ID ... | --labels NAME ...]

Attention rollout (Abnar and Zuidema 2020, arXiv 2005.00928): the heads of each block averaged,
half of the identity added for the residual path, the blocks' matrices multiplied. The file holds
`image_id` `[images]`, `image` `[images, size, size]` uint8 as prepared, `rollout`
`[images, rows, columns]` float32, the share of the class token that comes from each patch, and
`origin`, JSON that says which weights. A map of attention is no explanation of a prediction.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import atomic_path, check_writable
from jaxcxr.terminal import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.explain",
        description="Attention rollout of a run's model over images of its dataset.",
    )
    parser.add_argument("--run", type=Path, required=True, help="directory of a run")
    parser.add_argument("--out", type=Path, required=True, help=".npz file to write")
    parser.add_argument("--split", default="test", help="of the run's dataset (default: test)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--images", nargs="+", metavar="ID", help="images (default: all)")
    which.add_argument(
        "--labels",
        nargs="+",
        metavar="NAME",
        help="the true and false positives of these labels with the highest scores",
    )
    parser.add_argument("--count", type=int, default=2, help="of each kind, for each label (2)")
    options = parser.parse_args(arguments)
    with report_input_errors():
        if options.out.suffix != ".npz":
            raise InputError(f"--out {options.out}: give a name that ends in .npz")
        check_writable(options.out, "--out")
        if options.count < 1:
            raise InputError(f"--count {options.count}: give at least 1")
        # None is for all images; a label without an example is for none.
        chosen = list(dict.fromkeys(options.images)) if options.images else None
        if options.labels:
            chosen = _examples(options)
        from jaxcxr.inference.rollout import attend

        found = attend(options.run, options.split, chosen)
        with atomic_path(options.out) as temporary:
            np.savez_compressed(
                temporary,
                image_id=found["image_id"],
                image=found["image"],
                rollout=found["rollout"],
                origin=found["origin"],
            )
    say(f"attention over {len(found['image_id'])} images in {options.out}")


def _examples(options: argparse.Namespace) -> list[str]:
    from jaxcxr.results.examples import choose_examples
    from jaxcxr.results.predictions import read_predictions
    from jaxcxr.run.belongs import check_predictions
    from jaxcxr.run.directory import PREDICTIONS

    predictions = read_predictions(options.run / PREDICTIONS).of_split(options.split)
    check_predictions(options.run, predictions.origin)
    found = choose_examples(predictions, options.labels, options.count)
    return list(dict.fromkeys(example.image_id for example in found))


if __name__ == "__main__":
    main()
