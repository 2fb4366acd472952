"""Features of a frozen backbone, once: class token and mean patch token of each image.

    python -m jaxcxr.embed --weights FILE --data PREPARED --out FILE

or `--run DIR` for the weights, or `--images FILES` for the data.

`--out` ends in .npz or .parquet. The same command goes on after a kill. What the file holds is in
`jaxcxr.inference.embeddings_file`; `jaxcxr.probe` fits heads on it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import check_writable
from jaxcxr.terminal import say

SEEDS = 2**32
# What a head reads where that is not the class token, by the pooling of the model.
READ = {
    "mean_tokens": "the mean of all tokens",
    "mean_then_norm": "the normalised mean over all places, for a ConvNeXt has no class token",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.embed",
        description="Class token and mean patch token of each image, from a frozen backbone.",
    )
    backbone = parser.add_mutually_exclusive_group(required=True)
    backbone.add_argument("--weights", type=Path, help="weights file, as of python -m convert")
    backbone.add_argument("--run", type=Path, help="directory of a run: the model that it chose")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="prepared dataset, every split of it")
    what.add_argument("--images", type=Path, nargs="+", help="as of jaxcxr.predict")
    parser.add_argument("--out", type=Path, required=True, help=".npz or .parquet file to write")
    parser.add_argument(
        "--normalization",
        choices=("weights", "study"),
        help="of pixels, with --weights: the checkpoint's mean and std, or [0, 1] (weights)",
    )
    parser.add_argument("--recipe", help="of preparing --images for --weights (paper)")
    parser.add_argument("--image-size", type=int, help="in pixels, likewise (224)")
    parser.add_argument(
        "--workers", type=int, help="processes that open --images (default: all cores)"
    )
    parser.add_argument(
        "--augment-once",
        type=int,
        metavar="SEED",
        help="flip and turn each image of --data at random before it is embedded, once and those "
        "of the test split as well, as the follow-up study's extractor did; for comparing with it",
    )
    options = parser.parse_args(arguments)
    with report_input_errors():
        _check(options)
        from jaxcxr.run.directory import own_files

        read = [options.data / "records.parquet"] if options.data else []
        read += own_files(options.run) if options.run else []
        check_writable(options.out, "--out", reads=read)
        from jaxcxr.inference import embeddings

        if options.run:
            model = embeddings.backbone_of_run(options.run)
        else:
            size = options.image_size or 224
            if options.data:
                from input_pipeline.loader import open_prepared

                size = open_prepared(options.data).image_size
            kind = options.normalization or "weights"
            model = embeddings.backbone_of_weights(options.weights, size, kind)
        if options.data:
            augment = None
            if options.augment_once is not None:
                from jaxcxr.training.augment_once import augment_once, described

                augment = (augment_once(options.augment_once), described(options.augment_once))
            images = embeddings.embed_prepared(model, options.data, options.out, augment)
        else:
            from jaxcxr.use.embedding import embed_files

            recipe, workers = options.recipe or "paper", options.workers
            workers = os.cpu_count() or 1 if workers is None else workers
            images = embed_files(model, options.images, recipe, workers, options.out)
    say(f"features of {images} images in {options.out}")
    if options.augment_once is not None:
        say(
            "each image was flipped and turned at random before it was embedded, once, test images "
            "included: a head on these features is judged on disturbed images, and everything "
            "made of them says so; leave out --augment-once for the images as they are"
        )
    pooling = model.model.spec.pooling
    if pooling != "class_token":
        say(f"class_token in it is what the model's head reads in its place: {READ[pooling]}")


def _check(options: argparse.Namespace) -> None:
    """Stop where an option would be without effect, or names what there is not."""
    for name in ("recipe", "image_size"):
        if getattr(options, name) is not None and (options.run or options.data):
            decides = "--run" if options.run else "--data"
            raise InputError(f"--{name.replace('_', '-')} is decided by {decides}; leave it out")
    if options.normalization and options.run:
        raise InputError("--normalization is decided by --run; leave it out")
    if options.workers is not None and not options.images:
        raise InputError("--workers is of --images; leave it out")
    if options.augment_once is not None:
        if options.images:
            raise InputError("--augment-once is of --data; leave it out")
        if not 0 <= options.augment_once < SEEDS:
            raise InputError(
                f"--augment-once {options.augment_once}: give a seed from 0 to {SEEDS - 1}"
            )
    if options.image_size is not None and options.image_size < 1:
        raise InputError(f"--image-size {options.image_size}: give a number of pixels above zero")
    if options.recipe is not None:
        from input_pipeline.decoding.recipes import RECIPES

        if options.recipe not in RECIPES:
            raise InputError(f"--recipe {options.recipe}: choose {' or '.join(RECIPES)}")


if __name__ == "__main__":
    main()
