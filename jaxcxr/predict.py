"""Predictions of a run: logits for every image of a split, or for images of any folder.

python -m jaxcxr.predict --run DIR --out FILE [--split test | --images DIR_OR_FILES]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.errors import report_input_errors


def predict_run(directory: Path, out: Path, splits: Sequence[str]) -> None:
    """Predict splits of a run's own dataset with the weights that the run chose."""
    import jax

    from input_pipeline.loader import open_prepared
    from jaxcxr.model import flatten, split
    from jaxcxr.partition import make_mesh
    from jaxcxr.predictor import (
        load_run,
        make_predictor,
        predictions_of_split,
        write_predictions,
    )
    from jaxcxr.run_directory import read_config

    config = read_config(directory)
    model, labels, pixels, origin = load_run(directory)
    prepared = open_prepared(config.data)
    predict = make_predictor(model, pixels, make_mesh(-1, 1, batch_size=0), config.eval_batch_size)
    params = flatten(split(model)[1])
    frames = [
        predictions_of_split(prepared, name, labels, predict(params, prepared, name, labels))
        for name in splits
    ]
    if jax.process_index() == 0:
        write_predictions(out, frames, origin)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m jaxcxr.predict", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="directory of a run")
    parser.add_argument("--out", type=Path, required=True, help="parquet file to write")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--split", default="test", help="split of the run's dataset (test)")
    what.add_argument("--images", type=Path, nargs="+", help="image files, or folders of them")
    options = parser.parse_args(arguments)
    with report_input_errors():
        if options.images:
            from jaxcxr.predict_images import predict_images

            predict_images(options.run, options.out, options.images)
        else:
            predict_run(options.run, options.out, [options.split])
    print(f"predictions in {options.out}")


if __name__ == "__main__":
    main()
